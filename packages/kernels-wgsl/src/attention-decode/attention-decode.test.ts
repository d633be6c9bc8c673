// attention-decode: every variant against its f64 reference, and what must not depend on the batch.
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { type Buffers, runKernels } from '../../testing/run.js';
import { attentionReduce } from '../attention-reduce/attention-reduce.js';
import { supports, type Variant } from '../kernel.js';
import { attentionDecode } from './attention-decode.js';
import { type DecodeCaseShape, decodeShape, makeDecodeCase } from './attention-decode.reference.js';

/** What every variant is tried with: pages of 8 tokens, splits of 16 keys. One pipeline, as that is what tests cost. */
const sizes = { headDim: 16, numQueryHeads: 6, numKvHeads: 3, rotaryDim: 8, maxPages: 10 };
const usual = { pageSize: 32, splitSize: 256 };

/** Everything that families do to heads and scores, at once; the norm only where keys need not be exact in f16. */
const traits = { window: 5, softcap: 3, alibi: 0.7, hasSinks: true, lognLength: 11, isInterleaved: true };
const norm = { queryKeyNorm: 'head', normEpsilon: 0.05 } as const;

/** A shape, and the tiers that try it. */
interface Case extends DecodeCaseShape {
  readonly tiers: readonly string[];
}

const all = ['portable', 'subgroup', 'half', 'half-subgroup', 'narrow'];
const cases = (tiers: readonly string[], each: readonly Parameters<typeof decodeShape>[0][]): readonly Case[] =>
  each.map((one) => ({ ...decodeShape(one), tiers }));

const shapes: readonly Case[] = [
  ...(['f16', 'f32', 'int8', 'int4'] as const).flatMap((kvType) =>
    cases(all, [
      { ...sizes, kvType, lengths: [1, 7, 8, 9, 15, 16] },
      { ...sizes, kvType, lengths: [17, 1, 31, 32, 33, 16, 48], numSplits: 4 },
    ]),
  ),
  ...(['f16', 'f32'] as const).flatMap((kvType) =>
    cases(all, [
      { ...sizes, ...traits, ...(kvType === 'f32' && norm), kvType, lengths: [1, 4, 5, 6, 9, 16] },
      { ...sizes, ...traits, ...(kvType === 'f32' && norm), kvType, lengths: [17, 1, 20, 21, 36, 37, 70] },
    ]),
  ),
  ...(['int8', 'int4'] as const).flatMap((kvType) =>
    cases(['portable', 'narrow'], [{ ...sizes, ...traits, kvType, lengths: [17, 1, 20, 21, 36, 37, 70] }]),
  ),
  ...cases(
    ['portable', 'narrow'],
    [
      { ...sizes, ...norm, queryKeyNorm: 'width', kvType: 'f32', lengths: [1, 9, 16] },
      { ...sizes, ...norm, queryKeyNorm: 'width', kvType: 'f32', hasSinks: true, window: 1, lengths: [1, 16, 17, 33] },
    ],
  ),
  ...cases(['subgroup'], [{ headDim: 8, numQueryHeads: 3, numKvHeads: 1, lengths: [13, 200], ...usual }]),
  ...cases(
    ['narrow'],
    [
      { headDim: 8, numQueryHeads: 71, numKvHeads: 1, lengths: [16, 3], rotaryDim: 0 },
      { headDim: 32, numQueryHeads: 2, numKvHeads: 2, lengths: [16, 3] },
      { headDim: 64, numQueryHeads: 4, numKvHeads: 1, lengths: [255, 257, 513], ...usual },
      { headDim: 80, numQueryHeads: 4, numKvHeads: 2, lengths: [13, 1], rotaryDim: 20 },
      { headDim: 96, numQueryHeads: 3, numKvHeads: 1, lengths: [16], rotaryDim: 48 },
      { headDim: 128, numQueryHeads: 8, numKvHeads: 1, lengths: [5, 256], ...usual },
      { headDim: 256, numQueryHeads: 2, numKvHeads: 1, lengths: [1, 12] },
      { headDim: 8, numQueryHeads: 5, numKvHeads: 1, lengths: [17, 3], kvType: 'int8', splitSize: 32 },
      { headDim: 80, numQueryHeads: 2, numKvHeads: 2, lengths: [13, 1], kvType: 'int8', rotaryDim: 20 },
      { headDim: 256, numQueryHeads: 2, numKvHeads: 1, lengths: [1, 12], kvType: 'int8' },
      { headDim: 20, numQueryHeads: 3, numKvHeads: 1, lengths: [4, 12], kvType: 'int4', rotaryDim: 0 },
      { headDim: 64, numQueryHeads: 7, numKvHeads: 1, lengths: [255, 257, 513], kvType: 'int4', ...usual },
      { headDim: 128, numQueryHeads: 8, numKvHeads: 1, lengths: [5, 256], kvType: 'int4', ...usual },
      { headDim: 64, numQueryHeads: 2, numKvHeads: 1, lengths: [255, 300, 700], ...usual, window: 256 },
      { headDim: 12, numQueryHeads: 5, numKvHeads: 5, lengths: [1, 16], rotaryDim: 0, alibi: 1 },
      { headDim: 32, numQueryHeads: 4, numKvHeads: 2, lengths: [3, 16], isInterleaved: true, rotaryDim: 12 },
    ],
  ),
];

describeParity<Case>({
  kernel: attentionDecode,
  shapes,
  makeCase(shape, variant, random) {
    const { buffers, expected } = makeDecodeCase(shape, random);
    const { kv, partials, out } = expected as Record<string, Float64Array>;
    const wanted: Record<string, Float64Array | undefined> = variant.flags['direct'] ? { kv, out } : { kv, partials };
    return { shape, buffers, expected: wanted as Record<string, Float64Array> };
  },
  tolerance: (_variant, { lengths }) => 2e-5 * Math.sqrt(Math.max(...lengths, 1000) / 1000),
  accepts: ({ id }, { kvType, tiers, numSplits }) =>
    tiers.some((tier) => id === `${kvType}-${tier}-${numSplits === 1 ? 'direct' : 'split'}`),
});

describe('attention-decode: a row gives the same bits', () => {
  for (const [name, beyond] of all.flatMap((tier) => [[tier, {}] as const, [tier, traits] as const])) {
    const shape = decodeShape({ ...sizes, ...beyond, lengths: [13, 33, 16, 70] });
    const { qkv, rows, ...rest } = makeDecodeCase(shape, makeRandom(5)).buffers as Record<string, Float32Array>;

    it(`whatever rows and splits are beside it: ${name} with ${JSON.stringify(beyond)}`, async (context) => {
      const test = await testDevice();
      const variantOf = (kind: string): Variant => {
        const variant = attentionDecode.variants.find(({ id }) => id === `f16-${name}-${kind}`) as Variant;
        if (!supports(test.profile, variant)) context.skip(`adapter lacks ${variant.requires.join(', ')}`);
        return variant;
      };
      const outputOf = async (chosen: readonly number[], numSplits: number): Promise<readonly Float32Array[]> => {
        const step = { ...shape, numRows: chosen.length, numSplits };
        const take = (data: Float32Array | undefined, stride: number): number[] =>
          chosen.flatMap((row) => [...(data?.subarray(row * stride, (row + 1) * stride) ?? [])]);
        const buffers: Buffers = {
          ...rest,
          qkv: Float32Array.from(take(qkv, shape.qkvStride)),
          rows: Uint32Array.from(take(rows, 4)),
        };
        const decode = attentionDecode.plan(step, test.profile, variantOf(numSplits === 1 ? 'direct' : 'split'));
        const reduce = numSplits === 1 ? [] : [attentionReduce.plan(step, test.profile)];
        const { out } = await runKernels(test, [decode, ...reduce], buffers);
        return chosen.map((_, i) => (out as Float32Array).slice(i * shape.outStride, (i + 1) * shape.outStride));
      };
      const together = await outputOf([0, 1, 2, 3], 5);
      expect(await outputOf([0], 1)).toEqual([together[0]]);
      expect(await outputOf([2, 0], 1)).toEqual([together[2], together[0]]);
      expect(await outputOf([0], 2)).toEqual([together[0]]);
      expect(await outputOf([1], 3)).toEqual([together[1]]);
      expect(await outputOf([3, 1], 5)).toEqual([together[3], together[1]]);
    });
  }
});
