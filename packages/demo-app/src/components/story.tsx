// A story: one text that the person and the model write in turns.
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { AnswerActions } from './answer-actions.js';
import { FailureNote } from './failure-note.js';
import { useStickToEnd } from './stick-to-end.js';
import { Waiting } from './transcript.js';

export function Story(): VNode {
  const app = useApp();
  const { conversation } = app;
  const text = useText();
  const turns = conversation.turns.value;
  const failure = conversation.failure.value;
  const end = useRef<HTMLDivElement>(null);
  useStickToEnd(end, turns);
  return (
    <div class="transcript">
      <div class="sheet" role="log" aria-label={text.story.log} aria-busy={conversation.isAnswering.value}>
        <p class="prose">
          {turns.map((turn) => (
            <span key={turn.id} class={turn.author === 'person' ? 'by-person' : 'by-model'}>
              {turn.text}
            </span>
          ))}
          {conversation.isAnswering.value && <Waiting />}
        </p>
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
      <p class="legend">
        <span class="by-person">{text.story.yourWords}</span> · <span class="by-model">{text.story.modelWords}</span>
      </p>
      <div ref={end} />
    </div>
  );
}
