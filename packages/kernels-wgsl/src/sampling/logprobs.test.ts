// Log probabilities of drawn and best tokens against f64, and who gets none.
import { describe, expect, it } from 'vitest';
import { type TestDevice, testDevice } from '../../testing/device.js';
import { makeRandom } from '../../testing/parity.js';
import {
  deviceFor,
  logitKinds,
  pickedId,
  plain,
  RING,
  type Sequence,
  step,
  VOCAB,
  variantIds,
} from '../../testing/sampling.js';
import { LOGPROBS_ENTRY_BYTES, MAX_TOP_LOGPROBS, readLogprobs } from './ring.js';
import { logprobsReference } from './sampler.reference.js';
import type { SlotSampling } from './sampling-buffers.js';

const ENTRY_WORDS = LOGPROBS_ENTRY_BYTES / 4;
/** Vocabularies around the sizes of workgroups and chunks, divided among the variants. */
const edgeVocabs: Readonly<Record<string, readonly number[]>> = {
  portable: [10, 513],
  subgroup: [511],
  narrow: [1030],
};
/** However a token is drawn, its log probability is the model's. */
const settings: readonly Partial<SlotSampling>[] = [
  { temperature: 0 },
  { temperature: 1.7 },
  { topK: 30, temperature: 0.4 },
  { topP: 0.9, repetitionPenalty: 1.4, presencePenalty: 1, hasBanned: true },
  { biases: new Map([[2, 50]]), minP: 0.1 },
];

/** Compares entries with the reference: ids exactly, logprobs within 1e-5 up to 100 and 1e-6 of the logprob beyond. */
async function expectReference(
  test: TestDevice,
  variantId: string,
  vocab: number,
  sequences: readonly Sequence[],
): Promise<void> {
  const { after, ids } = await step(test, variantId, vocab, sequences);
  for (const [slot, { logits, sampling, position = 7 }] of sequences.entries()) {
    const { numTopLogprobs: numTop = 0 } = sampling;
    const at = (slot * RING + ((position + 1) % RING)) * ENTRY_WORDS;
    const actual = readLogprobs(after.logprobs, at, ids[slot] ?? 0, numTop);
    const expected = logprobsReference(logits, ids[slot] ?? 0, numTop);
    expect(actual.top.map(({ id }) => id)).toEqual(expected.top.map(({ id }) => id));
    for (const [i, { logprob }] of [expected, ...expected.top].entries()) {
      const error = Math.abs(([actual, ...actual.top][i]?.logprob ?? Number.NaN) - logprob);
      expect(error, `vocab ${vocab}, sequence ${slot}, ${i}: ${logprob}`).toBeLessThanOrEqual(
        Math.max(1e-5, 1e-6 * Math.abs(logprob)),
      );
    }
  }
}

describe('log probabilities are those of the f64 reference', () => {
  for (const variantId of variantIds) {
    it(variantId, async (context) => {
      const test = await deviceFor(context, variantId);
      for (const vocab of edgeVocabs[variantId] ?? []) {
        const random = makeRandom(vocab);
        const sequences = Object.values(logitKinds).flatMap((kind) =>
          settings.map((setting, i) => ({
            logits: kind(random, vocab),
            sampling: {
              ...plain,
              ...setting,
              seed: i,
              numTopLogprobs: Math.min([0, 1, 5, MAX_TOP_LOGPROBS, vocab][i] ?? 0, MAX_TOP_LOGPROBS, vocab),
            },
            history: { prompt: [1, 2], generated: [3, 3], banned: setting.hasBanned ? [0, 4] : [] },
            position: random.int(900),
          })),
        );
        await expectReference(test, variantId, vocab, sequences);
      }
    });
  }

  it('of a large vocabulary, flat and steep', async () => {
    const test = await testDevice();
    const vocab = 50_257;
    const random = makeRandom(9);
    const sequences = [0, 1, 3, 25, 1000].map((scale) => ({
      logits: random.normals(vocab, 1).map((value) => Math.fround(value * scale)),
      sampling: { ...plain, topK: 50, numTopLogprobs: MAX_TOP_LOGPROBS },
    }));
    await expectReference(test, pickedId(test), vocab, sequences);
  });
});

it('slots that ask for nothing, or had ended, keep their entries', async () => {
  const test = await testDevice();
  const logits = makeRandom(1).normals(VOCAB, 2);
  const asking = { ...plain, numTopLogprobs: 2 };
  const { after } = await step(test, pickedId(test), VOCAB, [
    { logits, sampling: asking },
    { logits, sampling: plain },
    { logits, sampling: asking, done: true },
    { logits, sampling: { ...asking, maxPosition: 8 } },
  ]);
  const written = Array.from({ length: 4 * RING }, (_, entry) => {
    const words = after.logprobs.subarray(entry * ENTRY_WORDS, (entry + 1) * ENTRY_WORDS);
    return words.findLastIndex((word) => word !== 0) + 1;
  });
  const numWords = 1 + 2 * 2;
  expect(written).toEqual([numWords, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, numWords, 0, 0, 0]);
});
