// What tests of sampling share: sequences with logits and a history, a step of the kernels over them, and whether draws follow
// a distribution.
import { expect, type TestContext } from 'vitest';
import { supports } from '../src/kernel.js';
import { FROM_STATE } from '../src/lib/row.js';
import { logprobs } from '../src/sampling/logprobs.js';
import { sampleLogprobsBytes } from '../src/sampling/ring.js';
import { samplePrepare } from '../src/sampling/sample-prepare.js';
import { sampleSelect } from '../src/sampling/sample-select.js';
import type { SequenceHistory } from '../src/sampling/sampler.reference.js';
import {
  SLOT_PARAMS_BYTES,
  SLOT_VERIFIES_OFFSET,
  type SlotSampling,
  STATE_DONE,
  samplePartialsBytes,
  writeSlotParams,
} from '../src/sampling/sampling-buffers.js';
import { type TestDevice, testDevice } from './device.js';
import type { Random } from './parity.js';
import { runKernels } from './run.js';

const KERNELS = [samplePrepare, sampleSelect, logprobs];

/** Variants have the same ids in all kernels of sampling. */
export const variantIds: readonly string[] = samplePrepare.variants.map(({ id }) => id);

/** Draws from all tokens, with nothing changed. */
export const plain: SlotSampling = {
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
  biases: new Map(),
};
/** Of a sequence that has none. */
export const noHistory: SequenceHistory = { prompt: [], generated: [], banned: [] };
/** Entries of a ring. */
export const RING = 4;
/** The vocabulary of the goldens and of every test that needs no other: a vocabulary is a pipeline, and these compile slowly. */
export const VOCAB = 160;

/** One sequence: its logits, and the position of its newest token (the drawn one comes after). */
export interface Sequence {
  readonly logits: Float32Array;
  readonly sampling: SlotSampling;
  readonly history?: SequenceHistory;
  readonly position?: number;
  readonly done?: boolean;
  readonly verifies?: boolean;
}

/** The variant that an application would get on this device. */
export function pickedId({ profile }: TestDevice): string {
  return samplePrepare.pick(
    { numSampled: 1, vocab: VOCAB, logitsStride: VOCAB, vocabStride: VOCAB, ring: RING },
    profile,
  ).id;
}

/** All buffers of the kernels after one step; sequence i has slot i and row n - 1 - i. */
export async function step(test: TestDevice, variantId: string, vocab: number, sequences: readonly Sequence[]) {
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
    keys: new Uint32Array(count * stride),
    logprobs: new Uint32Array(sampleLogprobsBytes(count, RING) / 4),
  };
  const params = new DataView(buffers.slot_params.buffer);
  sequences.forEach(({ logits, sampling, history = noHistory, position = 7, done = false, verifies = false }, i) => {
    buffers.logits.set(logits, i * stride);
    buffers.rows.set([i, position, FROM_STATE, position + 5], (count - 1 - i) * 4);
    buffers.slot_state[i * 4 + 1] = done ? STATE_DONE : 0;
    buffers.slot_state[i * 4 + SLOT_VERIFIES_OFFSET / 4] = verifies ? 1 : 0;
    writeSlotParams(params, i * SLOT_PARAMS_BYTES, sampling);
    const mark = (id: number, change: (before: number) => number): void => {
      buffers.counts[i * stride + id] = change(buffers.counts[i * stride + id] ?? 0);
    };
    for (const id of history.prompt) mark(id, (before) => before | 0x80000000);
    for (const id of history.generated) mark(id, (before) => before + 1);
    for (const id of history.banned) mark(id, (before) => before | 0x40000000);
    for (const id of sampling.biases.keys()) mark(id, (before) => before | 0x20000000);
  });
  const wantsLogprobs = sequences.some(({ sampling }) => sampling.numTopLogprobs !== undefined);
  const plans = KERNELS.slice(0, wantsLogprobs ? 3 : 2).map((kernel) => {
    const variant = kernel.variants.find(({ id }) => id === variantId);
    if (!variant) throw new Error(`${kernel.name} has no variant ${variantId}`);
    return kernel.plan(shape, test.profile, variant);
  });
  const after = await runKernels(test, plans, buffers);
  return { before: buffers, after, stride, ids: sequences.map((_, i) => after.slot_state[i * 4] ?? 0) };
}

/** The device of the tests, which are skipped where it cannot run the variant. */
export async function deviceFor(context: TestContext, variantId: string): Promise<TestDevice> {
  const test = await testDevice();
  for (const kernel of KERNELS) {
    const variant = kernel.variants.find(({ id }) => id === variantId);
    if (!variant || !supports(test.profile, variant)) context.skip(`adapter lacks ${variant?.requires.join(', ')}`);
  }
  return test;
}

/** Logits of every sort. */
export const logitKinds: Readonly<Record<string, (random: Random, vocab: number) => Float32Array>> = {
  normal: (random, vocab) => random.normals(vocab, 3),
  tied: (random, vocab) => random.normals(vocab, 2).map((value) => Math.round(value * 2) / 2),
  flat: (_, vocab) => new Float32Array(vocab).fill(-1.25),
  broken: (random, vocab) =>
    random
      .normals(vocab, 3)
      .map((v, id) => (id % 3 === 1 ? v : ([Number.NaN, Number.POSITIVE_INFINITY, v, -0, 0][id % 5] ?? v))),
};

/** Whether draws follow probabilities: chi-square over bins of at least five, at five standard deviations. */
export function expectFollows(ids: readonly number[], probabilities: Float64Array, what: string): void {
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
