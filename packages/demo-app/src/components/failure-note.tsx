// Something that went wrong, in plain words, with what one can do. It stands beside what it concerns and blocks nothing.
import type { VNode } from 'preact';
import { useText } from '../app-context.js';
import type { Failure } from '../state/failure.js';
import { Icon } from './icon.js';

interface Props {
  readonly failure: Failure;
  readonly onRetry?: () => void;
  readonly onDismiss?: () => void;
}

export function FailureNote({ failure, onRetry, onDismiss }: Props): VNode {
  const text = useText();
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <div class="failure-text">
        <p class="failure-title">{text.errors[failure.code]}</p>
        {failure.hint && <p>{failure.hint}</p>}
        <details>
          <summary>{text.errorDetails}</summary>
          <p>
            {failure.message} <code>{failure.code}</code>
          </p>
        </details>
      </div>
      {onRetry && (
        <button type="button" class="plain" onClick={onRetry}>
          <Icon name="retry" />
          {text.actions.retry}
        </button>
      )}
      {onDismiss && (
        <button type="button" class="quiet" onClick={onDismiss} aria-label={text.actions.dismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
