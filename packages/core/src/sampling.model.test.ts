// What a request may ask of the sampler, on a real model: draws that depend on seed and position alone, log probabilities
// that are those of the logits, bias and bans that hold, and what each of them costs, in counts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GeneratedLogprob, GenerateEvent, GenerateRequest } from './engine/core.js';
import { createEngine, type Engine } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';

const MODEL = 'fixtures/models/tinystories-656k';
const NUM_LAYERS = 2;
/** Room for about two of the requests below, so that three of them preempt each other. */
const OPTIONS = { maxBatchSize: 3, sessionLen: 128, cacheBlockSeqLen: 16, cacheMaxEntryCount: 9 } as const;

interface Answer {
  readonly ids: readonly number[];
  readonly text: string;
  readonly logprobs: readonly GeneratedLogprob[];
}

function tokens(ids: readonly number[], more: Partial<GenerateRequest> = {}): GenerateRequest {
  return { prompt: { kind: 'tokens', ids }, sampling: {}, maxNewTokens: 24, ignoreEos: true, ...more };
}

async function answer(
  engine: Engine,
  request: GenerateRequest,
  seen?: (event: GenerateEvent) => void,
): Promise<Answer> {
  const ids: number[] = [];
  const logprobs: GeneratedLogprob[] = [];
  let text = '';
  for await (const event of engine.generate(request)) {
    seen?.(event);
    if (event.type === 'end') continue;
    ids.push(...event.tokenIds);
    logprobs.push(...(event.logprobs ?? []));
    text += event.text;
  }
  return { ids, text, logprobs };
}

const LONG_PROMPT = [1, 80, 147, 201, 282, 57, 80, 99, 147, 201, 80, 57, 282, 99, 80, 201, 57, 147, 99, 282, 80, 1, 57];
/** Everything that a draw can depend on. */
const DRAWN = tokens(LONG_PROMPT, {
  maxNewTokens: 44,
  sampling: { temperature: 1.1, topP: 0.97, topK: 300, frequencyPenalty: 0.4, repetitionPenalty: 1.1, seed: 77 },
  logitBias: { 80: 1.5, 201: -2 },
  badTokenIds: [57, 99],
  logprobs: 3,
});
const OTHERS = [
  tokens([1, 201], { maxNewTokens: 70 }),
  tokens([1, 80, 147, 99], {
    maxNewTokens: 70,
    sampling: { temperature: 1, presencePenalty: 1, seed: 3 },
    logprobs: 20,
  }),
];

/** Ids exactly; log probabilities up to the rounding of a product that another batch does in another order. */
function expectSame(actual: Answer, expected: Answer): void {
  expect(actual.ids).toEqual(expected.ids);
  expect(actual.logprobs).toHaveLength(expected.ids.length);
  for (const [i, { logprob }] of actual.logprobs.entries()) {
    expect(Math.abs(logprob - (expected.logprobs[i]?.logprob ?? Number.NaN))).toBeLessThan(1e-4);
  }
}

describeWithFixtures(MODEL, MODEL, (model) => {
  let engine: Engine;
  let alone: Answer;
  beforeAll(async () => {
    engine = await createEngine({ model, ...OPTIONS });
    alone = await answer(engine, DRAWN);
  });
  afterAll(() => engine?.dispose());

  describe('a seeded request draws the same tokens', () => {
    it('which another seed does not draw, and not one again and again', async () => {
      const sampling = { ...DRAWN.sampling, seed: 78 };
      expect((await answer(engine, { ...DRAWN, sampling })).ids).not.toEqual(alone.ids);
      expect(new Set(alone.ids).size).toBeGreaterThan(10);
    });

    it('alone again, where its prompt is found in the cache', async () => {
      expectSame(await answer(engine, DRAWN), alone);
    });

    it('in another slot, beside a request with other parameters', async () => {
      const [other] = OTHERS as [GenerateRequest, GenerateRequest];
      const [, actual] = await Promise.all([answer(engine, { ...other, maxNewTokens: 20 }), answer(engine, DRAWN)]);
      expectSame(actual, alone);
    });

    it('among others that have it preempted', async () => {
      const before = (await engine.stats()).numTokensLookedUp;
      const [, , actual] = await Promise.all([...OTHERS, DRAWN].map((request) => answer(engine, request)));
      expectSame(actual as Answer, alone);
      const lookedUp = (await engine.stats()).numTokensLookedUp - before;
      const blocksOf = ({ prompt }: GenerateRequest) => (prompt.kind === 'tokens' ? prompt.ids.length - 1 : 0) >> 4;
      const atFirst = 16 * [...OTHERS, DRAWN].reduce((sum, request) => sum + blocksOf(request), 0);
      expect(lookedUp, 'what was preempted is looked up again').toBeGreaterThan(atFirst);
    });

    it('when its prompt is computed in chunks', async () => {
      const chunked = await createEngine({ model, ...OPTIONS, maxPrefillTokenNum: 8, enablePrefixCaching: false });
      try {
        expectSame(await answer(chunked, DRAWN), alone);
      } finally {
        await chunked.dispose();
      }
    });
  });

  it('log probabilities are those of the logits, whatever became of these', async () => {
    const { vocabSize } = engine.info;
    const logits = await engine.logits([...LONG_PROMPT, ...alone.ids], { decodeFrom: LONG_PROMPT.length });
    for (const [i, drawn] of alone.logprobs.entries()) {
      const at = (LONG_PROMPT.length - 1 + i) * vocabSize;
      const row = logits.subarray(at, at + vocabSize);
      const best = row.reduce((a, b) => Math.max(a, b));
      const logSum = best + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - best), 0));
      const order = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
      expect(drawn.id).toBe(alone.ids[i]);
      expect(drawn.top.map(({ id }) => id)).toEqual(order.slice(0, 3));
      for (const { id, logprob } of [drawn, ...drawn.top]) {
        expect(Math.abs(logprob - ((row[id] ?? Number.NaN) - logSum))).toBeLessThan(1e-4);
      }
    }
  });

  it('bias and bans hold', async () => {
    expect(alone.ids).not.toContain(57);
    const greedy = { sampling: { temperature: 0 } };
    const free = await answer(engine, tokens([1, 80], greedy));
    const [first = 0] = free.ids;
    expect((await answer(engine, tokens([1, 80], { ...greedy, logitBias: { 333: 100 } }))).ids).toEqual(
      free.ids.map(() => 333),
    );
    expect((await answer(engine, tokens([1, 80], { ...greedy, logitBias: { [first]: -100 } }))).ids).not.toContain(
      first,
    );
    // More banned tokens than fit the buffer of marks at once.
    const badTokenIds = Array.from({ length: 1500 }, (_, i) => 500 + i);
    const few = await answer(engine, tokens([1, 80], { sampling: { temperature: 2, seed: 1 }, badTokenIds }));
    expect(few.ids.filter((id) => id >= 500 && id < 2000)).toEqual([]);
    const without = await answer(engine, tokens([1, 80], { sampling: { temperature: 1, seed: 5 }, badWords: ['e'] }));
    expect(without.text.replaceAll(/[^a-z]/g, '').length).toBeGreaterThan(20);
    expect(without.text).not.toContain('e');
  });

  it('the end of text is masked until there are minNewTokens', async () => {
    const end = 333;
    const request = tokens([1, 80], { stopTokenIds: [end], logitBias: { [end]: 100 }, minNewTokens: 5 });
    const { ids } = await answer(engine, request);
    expect(ids.indexOf(end)).toBe(5);
    expect(ids).toHaveLength(6);
  });

  it('log probabilities cost a dispatch and the bytes that are asked for, and no GPU object', async () => {
    const numTokens = 64;
    const costOf = async (more: Partial<GenerateRequest>) => {
      const request = tokens([1, 80], { maxNewTokens: numTokens, ...more });
      await answer(engine, request);
      const before = (await engine.stats()).counters;
      let numSeen = 0;
      let warm: Promise<Awaited<ReturnType<Engine['stats']>>> | undefined;
      await answer(engine, request, (event) => {
        numSeen += event.type === 'delta' ? event.tokenIds.length : 0;
        if (numSeen >= 8) warm ??= engine.stats();
      });
      const from = (await warm)?.counters ?? before;
      const to = (await engine.stats()).counters;
      expect(to.steps - from.steps).toBeGreaterThan(16);
      return {
        objects: to.gpuObjects - from.gpuObjects,
        dispatches: (to.dispatches - from.dispatches) / (to.steps - from.steps),
        bytes: (to.readbackBytes - before.readbackBytes) / numTokens,
      };
    };
    const plain = await costOf({});
    const asking = await costOf({ logprobs: 2 });
    expect(plain.objects + asking.objects).toBe(0);
    expect(plain.dispatches).toBeLessThanOrEqual(6 * NUM_LAYERS + 4);
    expect(asking.dispatches).toBeLessThanOrEqual(plain.dispatches + 1);
    expect(plain.bytes).toBeLessThanOrEqual(64);
    expect(asking.bytes).toBeLessThanOrEqual(64 + 4 * (1 + 2 * 2));
  });
});
