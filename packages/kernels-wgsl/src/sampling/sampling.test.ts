// The two sampling kernels against the f64 reference: exact draws, what a step leaves behind, distributions and goldens.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, type TestContext } from 'vitest';
import { type TestDevice, testDevice } from '../../testing/device.js';
import { makeRandom, type Random } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { supports } from '../kernel.js';
import { FROM_STATE } from '../lib/row.js';
import { samplePrepare } from './sample-prepare.js';
import { sampleSelect } from './sample-select.js';
import { distribution, drawReference, type SequenceHistory } from './sampler.reference.js';
import {
  MAX_STOP_IDS,
  numSampleChunks,
  readRingEntry,
  SLOT_PARAMS_BYTES,
  type SlotSampling,
  STATE_DONE,
  samplePartialsBytes,
  writeSlotParams,
} from './sampling-buffers.js';

const plain: SlotSampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  seed: 1,
  maxPosition: 1000,
  minPosition: 0,
  stopIds: [],
  hasBanned: false,
};
const noHistory: SequenceHistory = { prompt: [], generated: [], banned: [] };
const RING = 4;
/** The vocabulary of the goldens and of every test that needs no other: a vocabulary is a pipeline, and these compile slowly. */
const VOCAB = 160;
/** Vocabularies around the sizes of workgroups and chunks, divided among the variants. */
const edgeVocabs: Readonly<Record<string, readonly number[]>> = {
  portable: [10, 256, 2049],
  subgroup: [255, 2048],
  narrow: [257, 2047],
};
const variantIds = samplePrepare.variants.map(({ id }) => id);

/** One sequence: its logits, and the position of its newest token (the drawn one comes after). */
interface Sequence {
  readonly logits: Float32Array;
  readonly sampling: SlotSampling;
  readonly history?: SequenceHistory;
  readonly position?: number;
  readonly done?: boolean;
}

/** The variant that an application would get on this device. */
function pickedId({ profile }: TestDevice): string {
  return samplePrepare.pick(
    { numSampled: 1, vocab: VOCAB, logitsStride: VOCAB, vocabStride: VOCAB, ring: RING },
    profile,
  ).id;
}

/** All buffers of the two kernels after one step; sequence i has slot i and row n - 1 - i. */
async function step(test: TestDevice, variantId: string, vocab: number, sequences: readonly Sequence[]) {
  const count = sequences.length;
  const stride = Math.ceil(vocab / 32) * 32;
  const shape = { numSampled: count, vocab, logitsStride: stride, vocabStride: stride, ring: RING };
  const buffers = {
    logits: new Float32Array(count * stride),
    sample_rows: Uint32Array.from(sequences, (_, i) => count - 1 - i),
    rows: new Uint32Array(count * 4),
    slot_params: new Uint8Array(count * SLOT_PARAMS_BYTES),
    slot_state: new Uint32Array(count * 4),
    counts: new Uint32Array(count * stride),
    partials: new Uint32Array(samplePartialsBytes(count, vocab) / 4),
    ring: new Uint32Array(count * RING),
  };
  const params = new DataView(buffers.slot_params.buffer);
  sequences.forEach(({ logits, sampling, history = noHistory, position = 7, done = false }, i) => {
    buffers.logits.set(logits, i * stride);
    buffers.rows.set([i, position, FROM_STATE, position + 5], (count - 1 - i) * 4);
    buffers.slot_state[i * 4 + 1] = done ? STATE_DONE : 0;
    writeSlotParams(params, i * SLOT_PARAMS_BYTES, sampling);
    const mark = (id: number, change: (before: number) => number): void => {
      buffers.counts[i * stride + id] = change(buffers.counts[i * stride + id] ?? 0);
    };
    for (const id of history.prompt) mark(id, (before) => before | 0x80000000);
    for (const id of history.generated) mark(id, (before) => before + 1);
    for (const id of history.banned) mark(id, (before) => before | 0x40000000);
  });
  const plans = [samplePrepare, sampleSelect].map((kernel) => {
    const variant = kernel.variants.find(({ id }) => id === variantId);
    if (!variant) throw new Error(`${kernel.name} has no variant ${variantId}`);
    return kernel.plan(shape, test.profile, variant);
  });
  const after = await runKernels(test, plans, buffers);
  return { before: buffers, after, stride, ids: sequences.map((_, i) => after.slot_state[i * 4] ?? 0) };
}

async function deviceFor(context: TestContext, variantId: string): Promise<TestDevice> {
  const test = await testDevice();
  for (const kernel of [samplePrepare, sampleSelect]) {
    const variant = kernel.variants.find(({ id }) => id === variantId);
    if (!variant || !supports(test.profile, variant)) context.skip(`adapter lacks ${variant?.requires.join(', ')}`);
  }
  return test;
}

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

const logitKinds: Readonly<Record<string, (random: Random, vocab: number) => Float32Array>> = {
  normal: (random, vocab) => random.normals(vocab, 3),
  tied: (random, vocab) => random.normals(vocab, 2).map((value) => Math.round(value * 2) / 2),
  flat: (_, vocab) => new Float32Array(vocab).fill(-1.25),
  broken: (random, vocab) =>
    random
      .normals(vocab, 3)
      .map((v, id) => (id % 3 === 1 ? v : ([Number.NaN, Number.POSITIVE_INFINITY, v, -0, 0][id % 5] ?? v))),
};

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

describe('penalties and masks', () => {
  for (const variantId of variantIds) {
    it(variantId, async (context) => {
      const test = await deviceFor(context, variantId);
      const random = makeRandom(3);
      const history = { prompt: [1, 2, 3, 3, 9], generated: [3, 4, 4, 4, 20], banned: [5, 6, 7] };
      const changes: Partial<SlotSampling>[] = [
        { repetitionPenalty: 1.7 },
        { repetitionPenalty: 0.4, temperature: 0 },
        { presencePenalty: 3 },
        { presencePenalty: -2, frequencyPenalty: 1.5, repetitionPenalty: 1.2, topK: 6 },
        { hasBanned: true, temperature: 0 },
        { hasBanned: true, topP: 0.5 },
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
      ];
      const { before, after, stride, ids } = await step(test, variantId, VOCAB, sequences);
      expect(ids).toEqual([20, 20, 20, 20, 0, 0, 0]);
      const ends = [false, true, false, true, false, false, false];
      const expected = { rows: before.rows, slot_state: before.slot_state, counts: before.counts, ring: before.ring };
      sequences.forEach(({ done }, slot) => {
        if (done) return;
        const id = ids[slot] ?? 0;
        const row = (sequences.length - 1 - slot) * 4;
        expected.rows.set([slot, 8, FROM_STATE, 13], row);
        expected.slot_state.set([id, ends[slot] ? STATE_DONE : 0, 1, 0], slot * 4);
        expected.counts[slot * stride + id] = 1;
        expected.ring[slot * RING + (8 % RING)] = (id | (ends[slot] ? 0x80000000 : 0)) >>> 0;
      });
      expect(after.rows).toEqual(expected.rows);
      expect(after.slot_state).toEqual(expected.slot_state);
      expect(after.counts).toEqual(expected.counts);
      expect(after.ring).toEqual(expected.ring);
      expect(readRingEntry(after.ring[3 * RING] ?? 0)).toEqual({ token: 20, done: true });
    });
  }
});

/** Whether draws follow probabilities: chi-square over bins of at least five, at five standard deviations. */
function expectFollows(ids: readonly number[], probabilities: Float64Array, what: string): void {
  const seen = new Float64Array(probabilities.length);
  for (const id of ids) seen[id] = (seen[id] ?? 0) + 1;
  let chi = 0;
  let numBins = 0;
  let rare = { seen: 0, wanted: 0 };
  for (const [id, probability] of probabilities.entries()) {
    const bin = { seen: seen[id] ?? 0, wanted: probability * ids.length };
    if (probability === 0) expect(bin.seen, `${what}: token ${id} is filtered out`).toBe(0);
    if (bin.wanted < 5) rare = { seen: rare.seen + bin.seen, wanted: rare.wanted + bin.wanted };
    for (const full of bin.wanted >= 5 ? [bin] : []) {
      chi += (full.seen - full.wanted) ** 2 / full.wanted;
      numBins++;
    }
  }
  if (rare.wanted >= 5) {
    chi += (rare.seen - rare.wanted) ** 2 / rare.wanted;
    numBins++;
  }
  expect(chi, what).toBeLessThan(numBins - 1 + 5 * Math.sqrt(2 * numBins) + 1e-9);
}

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

interface GoldenParams {
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly repetition_penalty?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  readonly bad_token_ids?: number[];
  readonly min_new_tokens?: number;
  readonly eos_token_ids?: number[];
}

interface GoldenSet {
  readonly row: number;
  readonly prompt: number[];
  readonly generated: number[];
  readonly params: GoldenParams;
}

/** Reads the golden sets with their logits and probabilities; skips the test when there are none. */
function readGoldens(context: TestContext) {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const folder = `${process.env['PAGEMIND_FIXTURES'] ?? `${root}../shared`}/goldens/sampling`;
  if (!existsSync(`${folder}/params.json`)) context.skip(`no goldens in ${folder}`);
  const { sets } = JSON.parse(readFileSync(`${folder}/params.json`, 'utf8')) as { sets: GoldenSet[] };
  const file = readFileSync(`${folder}/golden.safetensors`);
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const bytesOf = (name: string): ArrayBuffer => {
    const [from = 0, to = 0] = header[name]?.data_offsets ?? [];
    return Uint8Array.from(file.subarray(8 + headerLength + from, 8 + headerLength + to)).buffer;
  };
  const logits = new Float32Array(bytesOf('logits'));
  const probabilities = new Float64Array(bytesOf('probs'));
  const vocab = header['logits']?.shape[1] ?? 0;
  return sets.map(({ row, prompt, generated, params }, index) => ({
    logits: logits.subarray(row * vocab, (row + 1) * vocab),
    history: { prompt, generated, banned: params.bad_token_ids ?? [] },
    sampling: {
      ...plain,
      temperature: params.temperature ?? 1,
      topK: params.top_k ?? 0,
      topP: params.top_p ?? 1,
      minP: params.min_p ?? 0,
      repetitionPenalty: params.repetition_penalty ?? 1,
      presencePenalty: params.presence_penalty ?? 0,
      frequencyPenalty: params.frequency_penalty ?? 0,
      minPosition: prompt.length + (params.min_new_tokens ?? 0),
      stopIds: params.eos_token_ids ?? [],
      hasBanned: params.bad_token_ids !== undefined,
    },
    position: prompt.length + generated.length - 1,
    probabilities: probabilities.subarray(index * vocab, (index + 1) * vocab),
    name: JSON.stringify(params),
  }));
}

describe('goldens', () => {
  it('the reference computes their distributions', (context) => {
    for (const { logits, history, sampling, probabilities, name } of readGoldens(context)) {
      const actual = distribution(logits, history, sampling);
      for (const [id, expected] of probabilities.entries())
        expect(actual[id], `${name}, ${id}`).toBeCloseTo(expected, 9);
    }
  });

  it('the kernels draw from them', async (context) => {
    const goldens = readGoldens(context);
    const test = await testDevice();
    const numDraws = 400;
    const draws = goldens.flatMap(({ logits, history, sampling, position }) =>
      Array.from({ length: numDraws }, (_, seed) => ({ logits, history, position, sampling: { ...sampling, seed } })),
    );
    const { ids } = await step(test, pickedId(test), VOCAB, draws);
    goldens.forEach(({ probabilities, name }, index) => {
      expectFollows(ids.slice(index * numDraws, (index + 1) * numDraws), probabilities, name);
    });
  });
});

describe('layout', () => {
  it('slot params are 128 bytes in the order of state.wgsl', () => {
    const view = new DataView(new ArrayBuffer(3 * SLOT_PARAMS_BYTES));
    const sampling = { ...plain, topP: 0.5, topK: 4, seed: 0xfffffffe, stopIds: [11, 12], hasBanned: true };
    writeSlotParams(view, SLOT_PARAMS_BYTES, sampling);
    const words = new Uint32Array(view.buffer, SLOT_PARAMS_BYTES, SLOT_PARAMS_BYTES / 4);
    expect([...words.subarray(6, 15)]).toEqual([4, 0xfffffffe, 1000, 0, 1, 2, 11, 12, 0]);
    expect(view.getFloat32(SLOT_PARAMS_BYTES + 4, true)).toBe(0.5);
    expect([view.getUint32(SLOT_PARAMS_BYTES - 4), view.getUint32(2 * SLOT_PARAMS_BYTES)]).toEqual([0, 0]);
    const stopIds = Array.from({ length: MAX_STOP_IDS + 1 }, (_, id) => id);
    expect(() => writeSlotParams(view, 0, { ...plain, stopIds })).toThrow(RangeError);
  });

  it('a chunk is 512 tokens', () => {
    expect([10, 512, 513, 152_064].map(numSampleChunks)).toEqual([1, 1, 2, 297]);
  });
});
