// A conversation: what was asked and answered, in order, the newest in view.
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import type { Turn } from '../state/turns.js';
import { AnswerActions } from './answer-actions.js';
import { FailureNote } from './failure-note.js';
import { Markdown } from './markdown.js';
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
        {turns.map((turn) => (turn.author === 'person' ? <Question turn={turn} /> : <Answer turn={turn} />))}
      </div>
      {failure ? (
        <FailureNote
          failure={failure}
          onRetry={() => void app.retry(failure)}
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
    <article class="question">
      <h2 class="hidden-label">{text.chat.you}</h2>
      <p>{turn.text}</p>
    </article>
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
