// Where the person writes. Enter sends, Shift+Enter starts a line; while the model writes the button stops it. Pictures
// are put beside the message by picture-tools.tsx.
import type { TargetedKeyboardEvent, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { Icon, type IconName } from './icon.js';
import { PictureTools } from './picture-tools.js';
import { SampleRow } from './sample-row.js';
import { PictureProblemNote, WaitingPictures } from './waiting-pictures.js';

export function Composer(): VNode | null {
  const app = useApp();
  const { conversation, session, tray } = app;
  const text = useText();
  const [draft, setDraft] = useState('');
  const [areSamplesShown, setSamplesShown] = useState(false);
  const input = useRef<HTMLTextAreaElement>(null);
  const isAnswering = conversation.isAnswering.value;
  const isStory = session.mode.value === 'story';
  const takesPictures = session.takesPictures.value;
  const hasTurns = conversation.turns.value.length > 0;
  const numPictures = tray.pictures.value.length;
  const canContinue = isStory && hasTurns;
  const isBlank = draft.trim() === '';
  const canSend = (!isBlank || canContinue || numPictures > 0) && !tray.isReading.value;
  // With a keyboard at hand one can write at once, also when the starter that had the focus is gone; on a phone this
  // would open the keyboard over the page.
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) input.current?.focus();
  }, [hasTurns, numPictures]);
  if (session.info.value?.hasTokenizer === false) return null;

  const send = (): void => {
    if (isAnswering || !canSend) return;
    setDraft('');
    setSamplesShown(false);
    void app.send(draft);
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
    : takesPictures
      ? text.pictures.placeholder
      : text.chat.placeholder;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <PictureProblemNote />
      <div class={takesPictures ? 'composer-box roomy' : 'composer-box'}>
        {takesPictures && <WaitingPictures />}
        {takesPictures && areSamplesShown && (
          <SampleRow
            label={(name) => name}
            onChosen={(sample) => {
              setSamplesShown(false);
              void app.attach([sample]);
            }}
          />
        )}
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
        {takesPictures && (
          <PictureTools areSamplesShown={areSamplesShown} onSamples={() => setSamplesShown(!areSamplesShown)} />
        )}
        {isAnswering ? (
          <button type="button" class="primary" onClick={() => conversation.stop()} aria-keyshortcuts="Escape">
            <Icon name="stop" />
            <span>{text.actions.stop}</span>
          </button>
        ) : isBlank && numPictures > 0 ? (
          <SendButton icon="eye" label={text.pictures.describe} isEnabled={canSend} />
        ) : isBlank && canContinue ? (
          <SendButton icon="pen" label={text.story.continue} isEnabled={canSend} />
        ) : (
          <SendButton icon="send" label={text.actions.send} isEnabled={canSend} />
        )}
      </div>
      <p class="keys">{text.actions.keys}</p>
    </form>
  );
}

interface SendButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly isEnabled: boolean;
}

function SendButton({ icon, label, isEnabled }: SendButtonProps): VNode {
  return (
    <button type="submit" class="primary" disabled={!isEnabled}>
      <Icon name={icon} />
      <span>{label}</span>
    </button>
  );
}
