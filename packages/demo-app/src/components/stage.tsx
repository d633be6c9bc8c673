// The middle of the page: choosing, loading or quantising a model, a failed load, a welcome, or what was written so far.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { FailureNote } from './failure-note.js';
import { LoadingCard } from './loading-card.js';
import { ModelList } from './model-list.js';
import { QuantizeCard } from './quantize-card.js';
import { QuantizeResult } from './quantize-result.js';
import { Story } from './story.js';
import { Transcript } from './transcript.js';
import { Welcome } from './welcome.js';

export function Stage(): VNode {
  const quantizing = useApp().quantizer.state.value;
  return (
    <main class="stage">
      {quantizing.kind === 'finished' && <QuantizeResult own={quantizing.own} />}
      {quantizing.kind === 'running' || quantizing.kind === 'stopped' ? (
        <QuantizeCard state={quantizing} />
      ) : (
        <StageContent />
      )}
    </main>
  );
}

function StageContent(): VNode | null {
  const app = useApp();
  const { session, conversation } = app;
  const text = useText();
  const state = session.state.value;
  switch (state.kind) {
    case 'empty':
      return session.catalog.value ? <ChooseCard /> : null;
    case 'loading':
      return <LoadingCard name={state.choice.name} progress={state.progress} onCancel={() => session.cancel()} />;
    case 'failed':
      return (
        <div class="card">
          <FailureNote failure={state.failure} onRetry={() => void app.reload()} />
          <ModelList />
        </div>
      );
    case 'ready':
      if (!state.engine.info.hasTokenizer) return <p class="card">{text.model.unusable}</p>;
      if (conversation.turns.value.length === 0) return <Welcome />;
      return session.mode.value === 'story' ? <Story /> : <Transcript />;
  }
}

function ChooseCard(): VNode {
  const { session } = useApp();
  const text = useText();
  const hasModels = (session.catalog.value ?? []).length > 0;
  return (
    <section class="card">
      <h1>{hasModels ? text.model.choose : text.model.none}</h1>
      {!hasModels && <p class="soft">{text.model.noneHelp}</p>}
      <ModelList />
      <p class="privacy">{text.privacy}</p>
    </section>
  );
}
