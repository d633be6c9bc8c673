// `pagemind bench`: decode and prefill speed of a model beside the device's own bandwidth, and what a step costs in
// counts. The counts are what tests look at; the speeds are for people.
import { checkEnvironment, type Engine, type EngineStats } from '@pagemind/core/node';
import { engineOptions, MODEL_OPTIONS, numberOf, readArguments, stringOf } from '../arguments.js';
import { withEngine } from '../open-engine.js';
import { UsageError } from '../usage.js';
import { type ConcurrencyRow, measureConcurrency } from './bench-concurrency.js';
import { benchSynthetic } from './bench-synthetic.js';

const OPTIONS = {
  ...MODEL_OPTIONS,
  'prompt-tokens': { type: 'string' },
  'new-tokens': { type: 'string' },
  concurrency: { type: 'string' },
  synthetic: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Tokens before counting starts: by then the step loop repeats itself. */
const SETTLED = 8;

export async function bench(args: readonly string[]): Promise<void> {
  if (args.some((arg) => /^--synthetic(=|$)/.test(arg))) return synthetic(args);
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const [model = ''] = positionals;
  const numPrompt = numberOf(values, 'prompt-tokens') ?? 64;
  const numNew = numberOf(values, 'new-tokens') ?? 64;
  if (numNew <= 2 * SETTLED) throw new UsageError(`--new-tokens must be above ${2 * SETTLED}.`);
  const levels = readLevels(stringOf(values, 'concurrency'));
  const options = engineOptions(values);
  const { probe } = await checkEnvironment();
  // The timed run has the ids of the run before it, and shall compute all of them.
  const alone = await withEngine(model, { ...options, enablePrefixCaching: false }, async (engine) => {
    const report = { ...(await measure(engine, numPrompt, numNew)), probeBandwidth: probe.bytesPerSecond };
    const bytesPerSecond = report.decodeTokensPerSecond * report.bytesPerToken;
    return { ...report, fractionOfProbe: bytesPerSecond / probe.bytesPerSecond, adapter: engine.info.adapter };
  });
  const result = {
    ...alone,
    ...(levels && { concurrency: await together(model, options, levels, numPrompt, numNew) }),
  };
  process.stdout.write(values['json'] === true ? `${JSON.stringify(result)}\n` : `${table(result)}\n`);
}

/** Loading instead of running: no model is named, one is made. */
async function synthetic(args: readonly string[]): Promise<void> {
  const { values } = readArguments(args, OPTIONS, 0);
  const numPrompt = numberOf(values, 'prompt-tokens') ?? 16;
  const numNew = numberOf(values, 'new-tokens') ?? 16;
  const result = await benchSynthetic(stringOf(values, 'synthetic') ?? '', engineOptions(values), numPrompt, numNew);
  process.stdout.write(values['json'] === true ? `${JSON.stringify(result)}\n` : `${table(result)}\n`);
}

/** One engine for all numbers of clients, with slots for the largest. */
function together(
  model: string,
  options: ReturnType<typeof engineOptions>,
  levels: readonly number[],
  numPrompt: number,
  numNew: number,
): Promise<readonly ConcurrencyRow[]> {
  const slots = { maxBatchSize: Math.max(...levels), ...options };
  return withEngine(model, slots, (engine) => measureConcurrency(engine, levels, numPrompt, numNew));
}

/** Reads `1,2,4`. */
function readLevels(given: string | undefined): readonly number[] | undefined {
  const levels = given?.split(',').map(Number);
  if (levels?.every((level) => Number.isInteger(level) && level >= 1 && level <= 256) ?? true) return levels;
  throw new UsageError('--concurrency takes numbers of clients from 1 to 256, as in 1,2,4,8.');
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
    proposedTokens: stats.numProposed,
    acceptedTokens: stats.numAccepted,
    bytesPerToken: engine.info.bytesPerToken,
    memory,
  };
}

function table(result: object): string {
  return Object.entries(result)
    .map(([key, value]) => `${key.padEnd(24)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');
}
