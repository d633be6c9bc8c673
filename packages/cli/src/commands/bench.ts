// `pagemind bench`: decode and prefill speed of a model beside the device's own bandwidth, and what a step costs in
// counts. The counts are what tests look at; the speeds are for people.
import { checkEnvironment, type Engine, type EngineStats } from '@pagemind/core/node';
import { engineOptions, MODEL_OPTIONS, numberOf, readArguments } from '../arguments.js';
import { withEngine } from '../open-engine.js';
import { UsageError } from '../usage.js';

const OPTIONS = {
  ...MODEL_OPTIONS,
  'prompt-tokens': { type: 'string' },
  'new-tokens': { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Tokens before counting starts: by then the step loop repeats itself. */
const SETTLED = 8;

export async function bench(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const numPrompt = numberOf(values, 'prompt-tokens') ?? 64;
  const numNew = numberOf(values, 'new-tokens') ?? 64;
  if (numNew <= 2 * SETTLED) throw new UsageError(`--new-tokens must be above ${2 * SETTLED}.`);
  const { probe } = await checkEnvironment();
  // The timed run has the ids of the run before it, and shall compute all of them.
  const options = { ...engineOptions(values), enablePrefixCaching: false };
  await withEngine(positionals[0] ?? '', options, async (engine) => {
    const report = { ...(await measure(engine, numPrompt, numNew)), probeBandwidth: probe.bytesPerSecond };
    const bytesPerSecond = report.decodeTokensPerSecond * report.bytesPerToken;
    const result = { ...report, fractionOfProbe: bytesPerSecond / probe.bytesPerSecond, adapter: engine.info.adapter };
    process.stdout.write(values['json'] === true ? `${JSON.stringify(result)}\n` : `${table(result)}\n`);
  });
}

async function measure(engine: Engine, numPrompt: number, numNew: number) {
  const { vocabSize, memory } = engine.info;
  const ids = Array.from({ length: numPrompt }, (_, i) => (i * 7919 + 13) % vocabSize);
  const run = async (onTokens: (numTokens: number) => Promise<void>) => {
    let numTokens = 0;
    for await (const event of engine.generate({
      prompt: { kind: 'tokens', ids },
      sampling: { temperature: 0 },
      maxNewTokens: numNew,
      ignoreEos: true,
    })) {
      if (event.type === 'end') return event.stats;
      numTokens += event.tokenIds.length;
      await onTokens(numTokens);
    }
    throw new Error('the stream ended without its last event');
  };
  await run(async () => {});
  let first: EngineStats | undefined;
  const before = await engine.stats();
  const stats = await run(async (numTokens) => {
    if (numTokens >= SETTLED) first ??= await engine.stats();
  });
  const last = await engine.stats();
  const from = (first ?? before).counters;
  const to = last.counters;
  const numSteps = to.steps - from.steps;
  const perStep = (name: 'gpuObjects' | 'submits' | 'passes' | 'dispatches'): number =>
    (to[name] - from[name]) / numSteps;
  return {
    model: engine.info.model,
    promptTokens: numPrompt,
    newTokens: numNew,
    decodeTokensPerSecond: stats.decodeTokensPerSecond,
    prefillTokensPerSecond: stats.prefillTokensPerSecond,
    timeToFirstTokenMs: stats.timeToFirstTokenMs,
    gpuObjectsPerStep: perStep('gpuObjects'),
    submitsPerStep: perStep('submits'),
    passesPerStep: perStep('passes'),
    dispatchesPerStep: perStep('dispatches'),
    readbackBytesPerToken: (to.readbackBytes - before.counters.readbackBytes) / numNew,
    bytesPerToken: engine.info.bytesPerToken,
    memory,
  };
}

function table(result: object): string {
  return Object.entries(result)
    .map(([key, value]) => `${key.padEnd(24)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');
}
