// The models that can be loaded: those beside the page, and a folder of one's own. Used in the picker and on the stage.
import type { TargetedEvent, VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { filesChoice } from '../state/catalog.js';
import { formatBytes } from '../text/format.js';
import { Icon } from './icon.js';

/** Makes a file field choose folders; the types of JSX do not have it. */
const WHOLE_FOLDERS = { webkitdirectory: true };

interface Props {
  readonly onChosen?: () => void;
}

export function ModelList({ onChosen }: Props): VNode {
  const app = useApp();
  const text = useText();
  const models = app.session.catalog.value ?? [];
  const state = app.session.state.value;
  const current = state.kind === 'ready' ? state.choice.hostedId : undefined;
  return (
    <div class="model-list">
      {models.length > 0 && <p class="list-title">{text.model.hosted}</p>}
      {models.map((model) => (
        <button
          type="button"
          class="model-entry"
          key={model.id}
          aria-current={model.id === current ? 'true' : undefined}
          onClick={() => {
            onChosen?.();
            void app.openHosted(model);
          }}
        >
          <span class="model-name">{model.id}</span>
          <span class="model-note">{formatBytes(model.numBytes, app.language.value)}</span>
          {model.id === current && <Icon name="check" />}
        </button>
      ))}
      <FolderButton {...(onChosen && { onChosen })} />
    </div>
  );
}

function FolderButton({ onChosen }: Props): VNode {
  const app = useApp();
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const open = (event: TargetedEvent<HTMLInputElement>): void => {
    const files = [...(event.currentTarget.files ?? [])];
    // Choosing the same folder again must be a change.
    event.currentTarget.value = '';
    if (files.length === 0) return;
    onChosen?.();
    void app.open(filesChoice(files));
  };
  return (
    <>
      <button type="button" class="model-entry" onClick={() => input.current?.click()}>
        <Icon name="folder" />
        <span class="model-name">{text.model.openFolder}</span>
      </button>
      <p class="list-help">{text.model.openFolderHelp}</p>
      <input ref={input} type="file" multiple hidden {...WHOLE_FOLDERS} onChange={open} />
    </>
  );
}
