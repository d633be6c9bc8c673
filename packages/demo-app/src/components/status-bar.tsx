// The line at the bottom: GPU, memory, context, speed.
import type { EngineInfo } from '@pagemind/core/client';
import type { ComponentChildren, VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { formatBytes, formatMilliseconds, formatNumber } from '../text/format.js';

export function StatusBar(): VNode | null {
  const { session, conversation, language } = useApp();
  const text = useText();
  const info = session.info.value;
  if (!info) return <footer class="status-bar" />;
  const { tokensPerSecond, timeToFirstTokenMs } = conversation.stats.value;
  const locale = language.value;
  return (
    <footer class="status-bar">
      <Item label={text.status.adapter}>{adapterName(info, text.status.software)}</Item>
      <MemoryItem info={info} />
      <Item label={text.status.context}>
        {formatNumber(conversation.numContextTokens.value, locale)} / {formatNumber(info.sessionLen, locale)}
      </Item>
      <span class="spacer" />
      {timeToFirstTokenMs !== undefined && (
        <Item label={text.status.firstToken} isMeasured>
          {formatMilliseconds(timeToFirstTokenMs, locale)}
        </Item>
      )}
      {tokensPerSecond !== undefined && (
        <Item label={text.status.speed} isMeasured>
          {text.status.tokensPerSecond(formatNumber(tokensPerSecond, locale))}
        </Item>
      )}
    </footer>
  );
}

function MemoryItem({ info }: { readonly info: EngineInfo }): VNode {
  const { language } = useApp();
  const { status } = useText();
  const bytes = (value: number): string => formatBytes(value, language.value);
  const { weightBytes, kvBytes, activationBytes, imageBytes, totalBytes } = info.memory;
  return (
    <details class="status-item memory">
      <summary>
        <span class="status-label">{status.memory}</span> {bytes(totalBytes)}
      </summary>
      <dl class="memory-parts">
        <dt>{status.weights}</dt>
        <dd>{bytes(weightBytes)}</dd>
        <dt>{status.kv}</dt>
        <dd>{bytes(kvBytes)}</dd>
        <dt>{status.activations}</dt>
        <dd>{bytes(activationBytes)}</dd>
        {imageBytes > 0 && (
          <>
            <dt>{status.pictures}</dt>
            <dd>{bytes(imageBytes)}</dd>
          </>
        )}
      </dl>
    </details>
  );
}

interface ItemProps {
  readonly label: string;
  /** A figure of the last answer: what one looks for first, so the first one on a narrow screen. */
  readonly isMeasured?: boolean;
  readonly children: ComponentChildren;
}

function Item({ label, isMeasured = false, children }: ItemProps): VNode {
  return (
    <span class={isMeasured ? 'status-item measured' : 'status-item'}>
      <span class="status-label">{label}</span> {children}
    </span>
  );
}

function adapterName({ adapter }: EngineInfo, software: string): string {
  const name = [adapter.vendor, adapter.architecture].filter(Boolean).join(' ') || 'WebGPU';
  return adapter.isCpu ? `${name} (${software})` : name;
}
