// The models that can be loaded: those beside the page, those that were quantised here, those of hubs that the browser keeps,
// one of a hub by its name, and a folder of one's own. Used in the picker and on the stage.
import { isHubId } from '@pagemind/core/client';
import type { TargetedEvent, VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { filesChoice } from '../state/catalog.js';
import { choiceOf, type OwnModel } from '../state/own-models.js';
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
      <OwnModelRows {...(onChosen && { onChosen })} />
      <CachedModels {...(onChosen && { onChosen })} />
      <HubForm {...(onChosen && { onChosen })} />
      <FolderButton {...(onChosen && { onChosen })} />
    </div>
  );
}

/** Models that were quantised here, and those on which one can go on. */
function OwnModelRows({ onChosen }: Props): VNode | null {
  const app = useApp();
  const { quantize: words, model: modelWords } = useText();
  const state = app.session.state.value;
  const current = state.kind === 'ready' ? state.choice.hostedId : undefined;
  const quantizing = app.quantizer.state.value;
  const busy = quantizing.kind === 'running' ? quantizing.own.id : undefined;
  const models = app.own.models.value;
  const noteOf = ({ after, original, layer, numLayers }: OwnModel): string => {
    if (after) return formatBytes(after.weightBytes, app.language.value);
    return choiceOf(original) ? words.unfinished(layer, numLayers) : words.openOriginal;
  };
  if (models.length === 0) return null;
  return (
    <>
      <p class="list-title">{words.list}</p>
      {models.map((own) => (
        <div class="model-row" key={own.id}>
          <button
            type="button"
            class="model-entry long"
            aria-current={own.id === current ? 'true' : undefined}
            disabled={own.id === busy || !(own.after || choiceOf(own.original))}
            onClick={() => {
              onChosen?.();
              void (own.after ? app.openOwn(own) : app.goOn(own));
            }}
          >
            <span class="model-name">{own.id}</span>
            <span class="model-note">{noteOf(own)}</span>
            {own.id === current && <Icon name="check" />}
          </button>
          <button
            type="button"
            class="quiet"
            disabled={own.id === busy}
            aria-label={modelWords.deleteCached(own.id)}
            onClick={() => void app.own.delete(own.id)}
          >
            <Icon name="clear" />
          </button>
        </div>
      ))}
    </>
  );
}

function CachedModels({ onChosen }: Props): VNode | null {
  const app = useApp();
  const text = useText();
  const state = app.session.state.value;
  const current = state.kind === 'ready' ? state.choice.hostedId : undefined;
  const bytes = (value: number): string => formatBytes(value, app.language.value);
  const models = app.library.models.value;
  if (models.length === 0) return null;
  return (
    <>
      <p class="list-title">{text.model.cached}</p>
      {models.map(({ id, isComplete, cachedBytes, totalBytes, packedBytes }) => (
        <div class="model-row" key={id}>
          <button
            type="button"
            class="model-entry"
            aria-current={id === current ? 'true' : undefined}
            onClick={() => {
              onChosen?.();
              void app.openFromHub(id);
            }}
          >
            <span class="model-name">{id}</span>
            <span class="model-note">
              {isComplete ? bytes(totalBytes + packedBytes) : text.model.partly(bytes(cachedBytes), bytes(totalBytes))}
            </span>
            {id === current && <Icon name="check" />}
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={text.model.deleteCached(id)}
            onClick={() => void app.library.delete(id)}
          >
            <Icon name="clear" />
          </button>
        </div>
      ))}
    </>
  );
}

function HubForm({ onChosen }: Props): VNode {
  const app = useApp();
  const text = useText();
  const [isWrong, setWrong] = useState(false);
  const { host } = new URL(app.preferences.settings.value.endpoint);
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get('id')).trim();
    setWrong(!isHubId(id));
    if (!isHubId(id)) return;
    onChosen?.();
    void app.openFromHub(id);
  };
  return (
    <>
      <p class="list-title">{text.model.fromHub}</p>
      <form class="hub-form" onSubmit={submit}>
        <input
          type="text"
          name="id"
          placeholder="Qwen/Qwen2.5-0.5B-Instruct"
          aria-label={text.model.hubName}
          aria-invalid={isWrong}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
        <button type="submit" class="plain">
          {text.model.download}
        </button>
      </form>
      {isWrong && (
        <p class="hub-problem" role="alert">
          {text.model.hubNameWrong}
        </p>
      )}
      <p class="list-help">{text.model.fromHubHelp(host)}</p>
    </>
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
