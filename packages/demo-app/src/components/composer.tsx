// Where the person writes. Enter sends, Shift+Enter starts a line; while the model writes the button stops it.
import type { TargetedKeyboardEvent, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { Icon } from './icon.js';

export function Composer(): VNode | null {
  const { conversation, session } = useApp();
  const text = useText();
  const [draft, setDraft] = useState('');
  const input = useRef<HTMLTextAreaElement>(null);
  const isAnswering = conversation.isAnswering.value;
  const isStory = session.mode.value === 'story';
  const hasTurns = conversation.turns.value.length > 0;
  const canContinue = isStory && hasTurns;
  const canSend = draft.trim() !== '' || canContinue;
  // With a keyboard at hand one can write at once, also when the starter that had the focus is gone; on a phone this
  // would open the keyboard over the page.
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) input.current?.focus();
  }, [hasTurns]);
  if (session.info.value?.hasTokenizer === false) return null;

  const send = (): void => {
    if (isAnswering || !canSend) return;
    setDraft('');
    void conversation.send(draft);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    // Enter also ends the composing of Chinese characters, and must not send then.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const placeholder = isStory
    ? canContinue
      ? text.story.placeholderNext
      : text.story.placeholder
    : text.chat.placeholder;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <div class="growing" data-text={`${draft} `}>
          <textarea
            ref={input}
            rows={1}
            value={draft}
            placeholder={placeholder}
            aria-label={placeholder}
            aria-keyshortcuts="Enter"
            onInput={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={onKeyDown}
          />
        </div>
        {isAnswering ? (
          <button type="button" class="primary" onClick={() => conversation.stop()} aria-keyshortcuts="Escape">
            <Icon name="stop" />
            <span>{text.actions.stop}</span>
          </button>
        ) : (
          <button type="submit" class="primary" disabled={!canSend}>
            <Icon name={canContinue && draft.trim() === '' ? 'pen' : 'send'} />
            <span>{canContinue && draft.trim() === '' ? text.story.continue : text.actions.send}</span>
          </button>
        )}
      </div>
      <p class="keys">{text.actions.keys}</p>
    </form>
  );
}
