// What tests of the engine share: an engine over a fake runner, and how to drive and observe it.
import { expect } from 'vitest';
import type { EngineInfo, GenerateEvent, GenerateRequest } from '../engine/core.js';
import { LocalEngine, type LocalEngineParts } from '../engine/engine.js';
import { PagemindError } from '../errors.js';
import { GREEDY } from '../sampling/params.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { type FakeLimits, FakeRunner } from './fake-runner.js';
import { createFakeTokenizer, FAKE_EOS } from './fake-tokenizer.js';

export const tokenizer: Tokenizer = createFakeTokenizer();

export function create(
  limits: FakeLimits = {},
  parts: Partial<LocalEngineParts> = {},
): { engine: LocalEngine; runner: FakeRunner; time: { now: number } } {
  const runner = new FakeRunner(limits);
  const time = { now: 0 };
  const engine = new LocalEngine({
    runner,
    info: { model: 'toy' } as EngineInfo,
    defaults: { sampling: GREEDY, eosTokenIds: [FAKE_EOS], bosTokenId: 0 },
    text: { tokenizer },
    kvOrigin: async () => 'toy',
    clock: () => time.now,
    randomSeed: () => 5,
    ...parts,
  });
  return { engine, runner, time };
}

/** Everything that can happen without the GPU happens. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Delivers until nothing is in flight. */
export async function drain(runner: FakeRunner, order: 'in order' | 'reversed' = 'in order'): Promise<void> {
  await settle();
  for (let i = 0; runner.numPending > 0; i++) {
    expect(i).toBeLessThan(1000);
    runner.deliver(order === 'in order' ? 1 : 3, order);
    await settle();
  }
}

export function request(ids: readonly number[], more: Partial<GenerateRequest> = {}): GenerateRequest {
  return { prompt: { kind: 'tokens', ids }, sampling: {}, maxNewTokens: 10, ignoreEos: true, ...more };
}

export interface Outcome {
  readonly text: string;
  readonly ids: readonly number[];
  readonly events: readonly GenerateEvent[];
  readonly end: GenerateEvent | undefined;
  readonly code: string | undefined;
}

export async function collect(stream: AsyncIterable<GenerateEvent>): Promise<Outcome> {
  const events: GenerateEvent[] = [];
  let code: string | undefined;
  try {
    for await (const event of stream) events.push(event);
  } catch (error) {
    code = error instanceof PagemindError ? error.code : String(error);
  }
  const deltas = events.filter((event) => event.type === 'delta');
  return {
    text: deltas.map(({ text }) => text).join(''),
    ids: deltas.flatMap(({ tokenIds }) => tokenIds),
    events,
    end: events.find(({ type }) => type === 'end'),
    code,
  };
}

export async function expectAtRest(engine: LocalEngine, runner: FakeRunner): Promise<void> {
  const { numRunning, numWaiting, numBlocks, numFreeBlocks, numCachedBlocks } = await engine.stats();
  expect([numRunning, numWaiting, numFreeBlocks + numCachedBlocks]).toEqual([0, 0, numBlocks]);
  expect(numBlocks).toBeLessThanOrEqual(runner.limits.numBlocks);
}
