// A model on its way: how far, how many bytes, and the way out.
import type { LoadProgress } from '@pagemind/core/client';
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { formatBytes, formatWait } from '../text/format.js';

interface Props {
  readonly name: string;
  readonly progress: LoadProgress | undefined;
  readonly onCancel: () => void;
}

export function LoadingCard({ name, progress, onCancel }: Props): VNode {
  const { language } = useApp();
  const text = useText();
  const { loadedBytes = 0, totalBytes = 0, bytesPerSecond, secondsLeft } = progress ?? {};
  const bytes = (value: number): string => formatBytes(value, language.value);
  const phase = text.loading.phase[progress?.phase ?? 'worker'];
  return (
    <section class="card loading" aria-busy="true">
      <h1>{text.loading.title(name)}</h1>
      {/* Without a value the bar shows that something goes on. */}
      <progress aria-label={phase} {...(totalBytes > 0 && { value: loadedBytes, max: totalBytes })} />
      <div class="loading-line">
        <span role="status">{phase}</span>
        <span class="figures">{totalBytes > 0 && text.loading.bytes(bytes(loadedBytes), bytes(totalBytes))}</span>
      </div>
      <div class="loading-line">
        <button type="button" class="plain" onClick={onCancel}>
          {text.loading.cancel}
        </button>
        <span class="figures">
          {bytesPerSecond !== undefined && <span class="rate">{text.loading.rate(bytes(bytesPerSecond))}</span>}
          {secondsLeft !== undefined && (
            <span class="wait">{text.loading.left(formatWait(secondsLeft, language.value))}</span>
          )}
        </span>
      </div>
      {progress?.phase === 'download' && <p class="privacy">{text.loading.canResume}</p>}
    </section>
  );
}
