// What can be done with the last answer, and how it went.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { storyText } from '../state/prompt.js';
import type { TurnStatus } from '../state/turns.js';
import { formatNumber } from '../text/format.js';
import { Icon } from './icon.js';

export function AnswerActions(): VNode | null {
  const { conversation, session, language } = useApp();
  const text = useText();
  const turns = conversation.turns.value;
  const last = turns.at(-1);
  if (!last || last.isRefused || conversation.isAnswering.value) return null;
  const isStory = session.mode.value === 'story';
  const copied = (): string => (isStory ? storyText(turns) : last.text);
  const outcome: Readonly<Record<TurnStatus, string | undefined>> = {
    streaming: undefined,
    done: isStory && last.author === 'model' ? text.story.theEnd : undefined,
    length: text.answer.length,
    stopped: text.answer.stopped,
  };
  return (
    <div class="answer-actions">
      <CopyButton text={copied} />
      <button type="button" class="quiet" onClick={() => void conversation.regenerate()}>
        <Icon name="retry" />
        {text.actions.regenerate}
      </button>
      <span class="figures">
        {outcome[last.status] && <span>{outcome[last.status]}</span>}
        {last.stats && <span>{text.status.tokens(last.stats.numTokens)}</span>}
        {last.stats && last.stats.numTokens > 1 && (
          <span>{text.status.tokensPerSecond(formatNumber(last.stats.tokensPerSecond, language.value))}</span>
        )}
      </span>
    </div>
  );
}

function CopyButton({ text: textToCopy }: { readonly text: () => string }): VNode {
  const text = useText();
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(textToCopy());
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      <Icon name={isCopied ? 'check' : 'copy'} />
      <span aria-live="polite">{isCopied ? text.actions.copied : text.actions.copy}</span>
    </button>
  );
}
