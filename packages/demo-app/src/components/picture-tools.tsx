// Ways to put a picture beside the message that is being written: a file, a drawing, a sample.
import type { TargetedEvent, VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { Icon } from './icon.js';

/** What the engine reads; a file of another kind can still be chosen, and is then refused with a word about it. */
const KINDS = 'image/png,image/jpeg,image/gif,image/webp,image/bmp';

interface Props {
  readonly areSamplesShown: boolean;
  readonly onSamples: () => void;
}

export function PictureTools({ areSamplesShown, onSamples }: Props): VNode {
  const app = useApp();
  const { pictures: words } = useText();
  const input = useRef<HTMLInputElement>(null);
  const add = (event: TargetedEvent<HTMLInputElement>): void => {
    const files = [...(event.currentTarget.files ?? [])];
    // Choosing the same file again must be a change.
    event.currentTarget.value = '';
    void app.attach(files.map((file) => ({ name: file.name, blob: file })));
  };
  return (
    <>
      <button
        type="button"
        class="quiet"
        title={words.add}
        aria-label={words.add}
        onClick={() => input.current?.click()}
      >
        <Icon name="picture" />
      </button>
      <input ref={input} type="file" accept={KINDS} multiple hidden onChange={add} />
      <button
        type="button"
        class="quiet"
        aria-label={words.draw}
        title={words.draw}
        onClick={() => {
          app.isSketchOpen.value = true;
        }}
      >
        <Icon name="brush" />
      </button>
      {app.samples.value.length > 0 && (
        <button
          type="button"
          class="quiet"
          title={words.samplesTitle}
          aria-label={words.samplesTitle}
          aria-expanded={areSamplesShown}
          onClick={onSamples}
        >
          <Icon name="shapes" />
        </button>
      )}
    </>
  );
}
