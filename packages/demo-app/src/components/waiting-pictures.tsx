// The pictures that go with the next message, and a word about those that do not.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { MAX_PICTURES, type PictureProblem } from '../state/pictures.js';
import { Icon } from './icon.js';
import { PictureImage } from './picture-image.js';

export function WaitingPictures(): VNode | null {
  const { tray } = useApp();
  const { pictures: words } = useText();
  const pictures = tray.pictures.value;
  if (pictures.length === 0 && !tray.isReading.value) return null;
  return (
    <ul class="waiting-pictures" aria-label={words.waiting}>
      {pictures.map(({ id, name, thumbnail }) => (
        <li key={id}>
          <PictureImage picture={thumbnail} name={name} />
          <button
            type="button"
            class="remove"
            title={words.remove(name)}
            aria-label={words.remove(name)}
            onClick={() => tray.remove(id)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
      {tray.isReading.value && (
        <li class="reading">
          <span class="waiting" role="status" aria-label={words.reading}>
            <i />
            <i />
            <i />
          </span>
        </li>
      )}
    </ul>
  );
}

export function PictureProblemNote(): VNode | null {
  const { tray } = useApp();
  const text = useText();
  const problem = tray.problem.value;
  if (!problem) return null;
  const [title, help] = wordsFor(problem, text.pictures.problems);
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <div class="failure-text">
        <p class="failure-title">{title}</p>
        {help && <p>{help}</p>}
      </div>
      <button
        type="button"
        class="quiet"
        aria-label={text.actions.dismiss}
        onClick={() => {
          tray.problem.value = undefined;
        }}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

type ProblemWords = ReturnType<typeof useText>['pictures']['problems'];

function wordsFor(problem: PictureProblem, words: ProblemWords): readonly [title: string, help?: string] {
  switch (problem.kind) {
    case 'unreadable':
      return [words.unreadable(problem.names.join(', ')), words.unreadableHelp];
    case 'too-many':
      return [words.tooMany(String(MAX_PICTURES))];
    case 'blind':
      return [words.blind, words.blindHelp];
  }
}
