// The two kernels of a draw against the f64 reference: exact draws, what a step leaves behind, distributions.
import { describe, expect, it } from 'vitest';
import { type TestDevice, testDevice } from '../../testing/device.js';
import { makeRandom } from '../../testing/parity.js';
import {
  deviceFor,
  expectFollows,
  logitKinds,
  noHistory,
  pickedId,
  plain,
  RING,
  type Sequence,
  step,
  VOCAB,
  variantIds,
} from '../../testing/sampling.js';
import { FROM_STATE } from '../lib/row.js';
import { readRingEntry } from './ring.js';
import { distribution, drawReference } from './sampler.reference.js';
import { type SlotSampling, STATE_DONE, STATE_OVER } from './sampling-buffers.js';

/** Vocabularies around the sizes of workgroups and chunks, divided among the variants. */
const edgeVocabs: Readonly<Record<string, readonly number[]>> = {
  portable: [10, 256, 2049],
  subgroup: [255, 2048],
  narrow: [257, 2047],
};
const settings: readonly Partial<SlotSampling>[] = [
  { temperature: 0 },
  {},
  { temperature: 0.7 },
  { topK: 1 },
  { topK: 2 },
  { topK: 40, topP: 0.8, temperature: 0.8 },
  { topK: 300, temperature: 1.5 },
  { topK: 1500, topP: 0.95 },
  { topK: 9, minP: 0.1 },
  { topP: 0 },
  { topP: 0.31 },
  { topP: 0.93, temperature: 2.5 },
  { topP: 0.9, minP: 0.02 },
  { minP: 0.05 },
  { minP: 1 },
  { minP: 1e-9, temperature: 1.3 },
  { temperature: 0.02, topK: 7 },
];

describe('the sampler draws the token of the f64 reference', () => {
  for (const variantId of variantIds) {
    it(variantId, async (context) => {
      const test = await deviceFor(context, variantId);
      for (const vocab of edgeVocabs[variantId] ?? []) {
        const random = makeRandom(vocab);
        const sequences = Object.values(logitKinds).flatMap((kind) =>
          settings.map((setting, index) => ({
            logits: kind(random, vocab),
            sampling: { ...plain, ...setting, seed: index * 977 },
            position: random.int(900),
          })),
        );
        await expectReferenceIds(test, variantId, vocab, sequences);
      }
    });
  }

  it('of a large vocabulary, with its pruned and its full search', async () => {
    const test = await testDevice();
    const random = makeRandom(5);
    const wide = random.normals(50_257, 3);
    const steep = wide.map((value) => value * 4);
    const sequences = [
      ...settings.map((setting) => ({ logits: wide, sampling: { ...plain, ...setting } })),
      ...settings.map((setting) => ({ logits: steep, sampling: { ...plain, ...setting } })),
    ];
    await expectReferenceIds(test, pickedId(test), 50_257, sequences);
  });
});

async function expectReferenceIds(
  test: TestDevice,
  variantId: string,
  vocab: number,
  sequences: readonly Sequence[],
): Promise<void> {
  const { ids } = await step(test, variantId, vocab, sequences);
  let numCompared = 0;
  for (const [index, { logits, sampling, history = noHistory, position = 7 }] of sequences.entries()) {
    const drawn = drawReference(logits, history, sampling, position + 1);
    if (drawn.filterMargin < 1e-5 || drawn.keyMargin < 1e-4) continue;
    numCompared++;
    expect(ids[index], `vocab ${vocab}, sequence ${index}, ${JSON.stringify(sampling)}`).toBe(drawn.id);
  }
  expect(numCompared).toBeGreaterThan(0.8 * sequences.length);
}

describe('bias, penalties and masks', () => {
  for (const variantId of variantIds) {
    it(variantId, async (context) => {
      const test = await deviceFor(context, variantId);
      const random = makeRandom(3);
      const history = { prompt: [1, 2, 3, 3, 9], generated: [3, 4, 4, 4, 20], banned: [5, 6, 7] };
      // Of id 5, which is banned, the bias changes nothing.
      const biases = new Map([
        [VOCAB - 1, 6],
        [5, 100],
        [3, -2.5],
        [4, 3],
        [30, 7.5],
        [0, -100],
      ]);
      const every = new Map(Array.from({ length: VOCAB }, (_, id) => [id, (id * 37) % 11]));
      const changes: Partial<SlotSampling>[] = [
        { repetitionPenalty: 1.7 },
        { repetitionPenalty: 0.4, temperature: 0 },
        { presencePenalty: 3 },
        { presencePenalty: -2, frequencyPenalty: 1.5, repetitionPenalty: 1.2, topK: 6 },
        { hasBanned: true, temperature: 0 },
        { hasBanned: true, topP: 0.5 },
        { biases, temperature: 0 },
        { biases, temperature: 1.4 },
        { biases, topK: 12, repetitionPenalty: 1.5, frequencyPenalty: 0.3 },
        { biases, hasBanned: true, topP: 0.9, presencePenalty: 0.5 },
        { biases: every, topK: 9 },
        { stopIds: [0, 8, 30], minPosition: 11, topK: 5 },
        { stopIds: [0, 8, 30], minPosition: 10, topK: 5 },
      ];
      const sequences = changes.flatMap((change) =>
        Array.from({ length: 12 }, (_, seed) => ({
          logits: random.normals(VOCAB, 2),
          sampling: { ...plain, ...change, seed },
          history: change.hasBanned ? history : { ...history, banned: [] },
          position: 9,
        })),
      );
      await expectReferenceIds(test, variantId, VOCAB, sequences);
    });
  }
});

describe('what a draw leaves behind', () => {
  for (const variantId of variantIds) {
    it(variantId, async (context) => {
      const test = await deviceFor(context, variantId);
      const logits = new Float32Array(VOCAB).map((_, id) => (id === 20 ? 5 : -id / 8));
      const greedy = { ...plain, temperature: 0 };
      const sequences: Sequence[] = [
        { logits, sampling: greedy },
        { logits, sampling: { ...greedy, maxPosition: 8 } },
        { logits, sampling: { ...greedy, maxPosition: 9 } },
        { logits, sampling: { ...greedy, stopIds: [3, 20] } },
        { logits, sampling: greedy, done: true },
        { logits, sampling: { ...greedy, stopIds: [20], minPosition: 9 } },
        { logits: new Float32Array(VOCAB).fill(Number.NaN), sampling: plain },
        { logits, sampling: { ...greedy, stopIds: [20] }, verifies: true },
      ];
      const { before, after, stride, ids } = await step(test, variantId, VOCAB, sequences);
      expect(ids).toEqual([20, 20, 20, 20, 0, 0, 0, 0]);
      const ends = [false, true, false, true, false, false, false, true];
      const expected = { rows: before.rows, slot_state: before.slot_state, counts: before.counts, ring: before.ring };
      sequences.forEach(({ done, verifies }, slot) => {
        if (done) {
          expected.slot_state[slot * 4 + 1] = STATE_DONE | STATE_OVER;
          return;
        }
        const id = verifies ? 20 : (ids[slot] ?? 0);
        expected.ring[slot * RING + (8 % RING)] = (id | (ends[slot] ? 0x80000000 : 0)) >>> 0;
        if (verifies) return;
        const row = (sequences.length - 1 - slot) * 4;
        expected.rows.set([slot, 8, FROM_STATE, 13], row);
        expected.slot_state.set([id, ends[slot] ? STATE_DONE : 0, 1, 0], slot * 4);
        expected.counts[slot * stride + id] = 1;
      });
      expect(after.rows).toEqual(expected.rows);
      expect(after.slot_state).toEqual(expected.slot_state);
      expect(after.counts).toEqual(expected.counts);
      expect(after.ring).toEqual(expected.ring);
      expect(readRingEntry(after.ring[3 * RING] ?? 0)).toEqual({ token: 20, done: true });
    });
  }
});

describe('draws follow the distribution', () => {
  const logits = makeRandom(8).normals(VOCAB, 2);
  const cases: Partial<SlotSampling>[] = [{}, { topK: 6 }, { topP: 0.7, temperature: 1.5 }, { minP: 0.1 }];

  it.each(['seeds', 'positions'])('over %s', async (over) => {
    const test = await testDevice();
    for (const change of cases) {
      const draws = Array.from({ length: 2000 }, (_, i) => ({
        logits,
        sampling: { ...plain, ...change, seed: over === 'seeds' ? i : 12345 },
        position: over === 'seeds' ? 3 : i,
      }));
      const { ids } = await step(test, pickedId(test), VOCAB, draws);
      expectFollows(ids, distribution(logits, noHistory, { ...plain, ...change }), JSON.stringify(change));
    }
  });
});
