// A model that is being quantised, or was until somebody broke it off: how far, how well, and the ways out.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import type { QuantizerState } from '../state/quantizer.js';
import { formatNumber, formatWait } from '../text/format.js';
import { FailureNote } from './failure-note.js';

interface Props {
  readonly state: Extract<QuantizerState, { kind: 'running' | 'stopped' }>;
}

export function QuantizeCard({ state }: Props): VNode {
  return state.kind === 'running' ? <RunningCard state={state} /> : <StoppedCard state={state} />;
}

function RunningCard({ state }: { readonly state: Extract<QuantizerState, { kind: 'running' }> }): VNode {
  const { quantizer, language } = useApp();
  const { quantize: words } = useText();
  const { own, step } = state;
  const { phase, done = 0, total = 0, loss, secondsLeft } = step ?? {};
  const said = words.phases[phase ?? 'start'];
  return (
    <section class="card loading" aria-busy="true">
      <h1>{words.working(own.original.name)}</h1>
      {/* Without a value the bar shows that something goes on. */}
      <progress aria-label={said} {...(total > 0 && phase !== 'write' && { value: done, max: total })} />
      <div class="loading-line">
        <span role="status">{said}</span>
        <span class="figures">
          {phase === 'layers' && total > 0 && <span>{words.layers(done, total)}</span>}
          {secondsLeft !== undefined && <span>{words.left(formatWait(secondsLeft, language.value))}</span>}
        </span>
      </div>
      <dl class="quantize-figures">
        {loss !== undefined && <Figure label={words.loss} value={loss.toExponential(2)} />}
        {own.before && <Figure label={words.before} value={formatNumber(own.before.perplexity, language.value)} />}
      </dl>
      <button type="button" class="plain" onClick={() => quantizer.stop()}>
        {words.stop}
      </button>
      <p class="privacy">{words.canResume}</p>
    </section>
  );
}

function Figure({ label, value }: { readonly label: string; readonly value: string }): VNode {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </>
  );
}

function StoppedCard({ state }: { readonly state: Extract<QuantizerState, { kind: 'stopped' }> }): VNode {
  const app = useApp();
  const { quantize: words } = useText();
  const { own, choice, failure } = state;
  return (
    <section class="card">
      <h1>{words.stopped(own.original.name)}</h1>
      {failure && <FailureNote failure={failure} />}
      {own.layer > 0 && <p class="soft">{words.kept(own.layer, own.numLayers)}</p>}
      <div class="quantize-actions">
        <button type="button" class="primary" onClick={() => void app.goOn(own)}>
          {words.goOn}
        </button>
        <button type="button" class="plain" onClick={() => void app.open(choice)}>
          {words.back(choice.name)}
        </button>
      </div>
    </section>
  );
}
