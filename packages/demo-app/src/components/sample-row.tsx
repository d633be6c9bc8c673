// The sample pictures side by side, each a button.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import type { GivenPicture } from '../state/pictures.js';
import { PictureImage } from './picture-image.js';

interface Props {
  /** What the button does, in words; takes the sample's name. */
  readonly label: (name: string) => string;
  readonly onChosen: (sample: GivenPicture) => void;
}

export function SampleRow({ label, onChosen }: Props): VNode {
  const { samples } = useApp();
  const text = useText();
  return (
    <ul class="samples" aria-label={text.pictures.samplesTitle}>
      {samples.value.map(({ id, blob }) => {
        const name = text.pictures.samples[id];
        return (
          <li key={id}>
            <button type="button" title={label(name)} aria-label={label(name)} onClick={() => onChosen({ name, blob })}>
              <PictureImage picture={blob} name="" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
