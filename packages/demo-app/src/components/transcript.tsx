// A conversation: what was asked and answered, in order, the newest in view.
import { Fragment, type VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import type { Picture } from '../state/pictures.js';
import type { Turn } from '../state/turns.js';
import { AnswerActions } from './answer-actions.js';
import { FailureNote } from './failure-note.js';
import { Markdown } from './markdown.js';
import { PictureImage } from './picture-image.js';
import { useStickToEnd } from './stick-to-end.js';

export function Transcript(): VNode {
  const app = useApp();
  const { conversation } = app;
  const text = useText();
  const turns = conversation.turns.value;
  const failure = conversation.failure.value;
  const end = useRef<HTMLDivElement>(null);
  useStickToEnd(end, turns);
  return (
    <div class="transcript">
      <div role="log" aria-label={text.chat.log} aria-busy={conversation.isAnswering.value}>
        {turns.map((turn, index) => (
          <Fragment key={turn.id}>
            {index > 0 && index === conversation.numForgotten.value && <p class="forgotten">{text.chat.forgotten}</p>}
            {turn.author === 'person' ? <Question turn={turn} /> : <Answer turn={turn} />}
          </Fragment>
        ))}
      </div>
      {failure ? (
        <FailureNote
          failure={failure}
          {...(!turns.at(-1)?.isRefused && { onRetry: () => void app.retry(failure) })}
          onDismiss={() => {
            conversation.failure.value = undefined;
          }}
        />
      ) : (
        <AnswerActions />
      )}
      <div ref={end} />
    </div>
  );
}

function Question({ turn }: { readonly turn: Turn }): VNode {
  const text = useText();
  return (
    <article class={turn.pictures ? 'question pictured' : 'question'}>
      <h2 class="hidden-label">{text.chat.you}</h2>
      {turn.pictures && <ShownPictures pictures={turn.pictures} isRefused={turn.isRefused === true} />}
      <p class="asked">{turn.text}</p>
    </article>
  );
}

interface ShownPicturesProps {
  readonly pictures: readonly Picture[];
  readonly isRefused: boolean;
}

function ShownPictures({ pictures, isRefused }: ShownPicturesProps): VNode {
  const text = useText();
  return (
    <div class={isRefused ? 'shown refused' : 'shown'}>
      {pictures.map((picture) => (
        <PictureImage key={picture.id} picture={picture.thumbnail} name={picture.name} />
      ))}
      {isRefused && <p class="refused-note">{text.pictures.refused}</p>}
    </div>
  );
}

function Answer({ turn }: { readonly turn: Turn }): VNode {
  const text = useText();
  return (
    <article class="answer">
      <h2 class="hidden-label">{text.chat.model}</h2>
      {turn.text === '' ? <Waiting /> : <Markdown text={turn.text} />}
    </article>
  );
}

/** Shown until the first word comes. */
export function Waiting(): VNode {
  const text = useText();
  return (
    <span class="waiting" role="status" aria-label={text.answer.thinking}>
      <i />
      <i />
      <i />
    </span>
  );
}
