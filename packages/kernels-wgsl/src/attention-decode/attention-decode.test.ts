import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom } from '../../testing/parity.js';
import { type Buffers, runKernels } from '../../testing/run.js';
import { attentionReduce } from '../attention-reduce/attention-reduce.js';
import { supports, type Variant } from '../kernel.js';
import { attentionDecode } from './attention-decode.js';
import { type DecodeCaseShape, decodeShape, makeDecodeCase } from './attention-decode.reference.js';

/** Lengths around the edges of pages (8) and splits (16). */
const edges = [1, 7, 8, 9, 15, 16];
const longer = [17, 1, 31, 32, 33, 16, 48];

const f16Shapes: readonly DecodeCaseShape[] = [
  decodeShape({ headDim: 8, numQueryHeads: 2, numKvHeads: 2, lengths: edges }),
  decodeShape({ headDim: 16, numQueryHeads: 16, numKvHeads: 1, lengths: [16, 3] }),
  decodeShape({ headDim: 32, numQueryHeads: 6, numKvHeads: 2, lengths: edges, rotaryDim: 0 }),
  decodeShape({ headDim: 64, numQueryHeads: 4, numKvHeads: 2, lengths: edges }),
  decodeShape({ headDim: 80, numQueryHeads: 4, numKvHeads: 1, lengths: [13], rotaryDim: 20 }),
  decodeShape({ headDim: 96, numQueryHeads: 3, numKvHeads: 1, lengths: [16], rotaryDim: 48 }),
  decodeShape({ headDim: 128, numQueryHeads: 8, numKvHeads: 1, lengths: [5, 16] }),
  decodeShape({ headDim: 256, numQueryHeads: 2, numKvHeads: 1, lengths: [1, 12] }),
  decodeShape({ headDim: 64, numQueryHeads: 11, numKvHeads: 1, lengths: [200], pageSize: 32, splitSize: 256 }),
  decodeShape({ headDim: 8, numQueryHeads: 3, numKvHeads: 1, lengths: longer }),
  decodeShape({ headDim: 32, numQueryHeads: 8, numKvHeads: 2, lengths: longer, rotaryDim: 16 }),
  decodeShape({ headDim: 128, numQueryHeads: 2, numKvHeads: 1, lengths: [40, 17], numSplits: 4 }),
  decodeShape({ headDim: 64, numQueryHeads: 4, numKvHeads: 1, lengths: [257, 513], pageSize: 32, splitSize: 256 }),
];
const withF32 = [0, 2, 3, 4, 7, 9, 12];
const shapes = f16Shapes.flatMap((shape, index) =>
  withF32.includes(index) ? [shape, { ...shape, kvType: 'f32' as const }] : [shape],
);

describeParity<DecodeCaseShape>({
  kernel: attentionDecode,
  shapes,
  makeCase(shape, variant, random) {
    const { buffers, expected } = makeDecodeCase(shape, random);
    const { kv, partials, out } = expected as Required<typeof expected>;
    return {
      shape,
      buffers,
      expected: variant.flags['direct'] ? { kv, out } : { kv, partials },
    } as ReturnType<typeof makeDecodeCase>;
  },
  tolerance: (_variant, { lengths }) => 2e-5 * Math.sqrt(Math.max(...lengths, 1000) / 1000),
  accepts: ({ id, flags }, { kvType, numSplits }) =>
    id.startsWith(kvType) && (numSplits > 1 || flags['direct'] === true) && flags['direct'] === (numSplits === 1),
});

describe('attention-decode: a row gives the same bits', () => {
  const shape = decodeShape({ headDim: 32, numQueryHeads: 6, numKvHeads: 2, lengths: [13, 33, 16, 70], maxPages: 10 });
  const { qkv, rows, ...rest } = makeDecodeCase(shape, makeRandom(5)).buffers as Record<string, Float32Array>;

  for (const name of ['portable', 'subgroup', 'half', 'half-subgroup', 'narrow']) {
    it(`whatever rows and splits are beside it: ${name}`, async (context) => {
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
