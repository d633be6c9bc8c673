// attention-encoder: every variant against its f64 reference, and what must not depend on how rows are cut into tiles.
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom, type ParityCase, type Random } from '../../testing/parity.js';
import { type Buffers, runKernels } from '../../testing/run.js';
import { supports, type Variant } from '../kernel.js';
import { numAttendQueries } from '../lib/attend.js';
import { type AttentionEncoderShape, attentionEncoder } from './attention-encoder.js';
import { attentionEncoderReference, type EncoderSpan, packEncoderTiles } from './attention-encoder.reference.js';

/** A shape with the spans that a test gives it. */
interface CaseShape extends AttentionEncoderShape {
  readonly spans: readonly EncoderSpan[];
  readonly numRows: number;
}

/** Rows that attend to themselves. */
const whole = (firstRow: number, numRows: number): EncoderSpan => ({
  firstRow,
  numRows,
  firstKey: firstRow,
  numKeys: numRows,
});

function caseShape(numHeads: number, headDim: number, spans: readonly EncoderSpan[]): CaseShape {
  return {
    numTiles: spans.reduce((sum, { numRows }) => sum + numRows, 0),
    numHeads,
    headDim,
    scale: 1 / Math.sqrt(headDim),
    qkvStride: Math.ceil((3 * numHeads * headDim) / 32) * 32,
    outStride: Math.ceil((numHeads * headDim) / 32) * 32,
    spans,
    numRows: Math.max(...spans.map(({ firstRow, numRows }) => firstRow + numRows)) + 2,
  };
}

/** Three pictures, one of a single token; then rows of one that see a window of another, one key and one row too. */
const pictures = [
  whole(0, 65),
  whole(65, 1),
  whole(66, 33),
  { firstRow: 101, numRows: 5, firstKey: 40, numKeys: 32 },
  { firstRow: 106, numRows: 2, firstKey: 7, numKeys: 1 },
];

/** What every variant is tried with: two chunks of D and a part of one. At the others one variant is enough. */
const common = caseShape(2, 72, pictures);
/** Squares of 36 rows, one of them seen from a part of another. */
const squares = [whole(2, 36), whole(38, 36), { firstRow: 74, numRows: 3, firstKey: 38, numKeys: 36 }];
const relative = { ...caseShape(2, 20, squares), relativeSide: 6 };
const narrowOnly = [
  caseShape(3, 16, [whole(1, 17)]),
  caseShape(1, 4, [whole(0, 5)]),
  caseShape(1, 64, [whole(0, 15)]),
  caseShape(2, 80, [whole(0, 31), whole(31, 2)]),
  caseShape(1, 128, [whole(3, 16)]),
];

function makeCase(shape: CaseShape, variant: Variant, random: Random): ParityCase<CaseShape> {
  const { numRows, numHeads, qkvStride, outStride, spans, relativeSide } = shape;
  const qkv = random.normals(numRows * qkvStride, 2);
  const out = new Float32Array(numRows * outStride).fill(7); // the padding must stay
  const tiles = packEncoderTiles(shape, spans, numAttendQueries(variant));
  const distances = random.normals(numRows * numHeads * 2 * (relativeSide ?? 0));
  const expected = { out: attentionEncoderReference(shape, spans, qkv, distances, out) };
  return { shape, buffers: { qkv, tiles, out, ...(relativeSide && { relative: distances }) }, expected };
}

describeParity<CaseShape>({
  kernel: attentionEncoder,
  shapes: [common, relative, ...narrowOnly],
  makeCase,
  // shader-f16 rounds queries, keys, values and weights.
  tolerance: ({ requires }) => (requires.includes('shader-f16') ? 5e-3 : 2e-5),
  accepts: ({ id, flags }, shape) =>
    flags['relative'] === (shape.relativeSide !== undefined) && (id === 'narrow' || !narrowOnly.includes(shape)),
});

describe('attention-encoder', () => {
  const shapeOf = ({ flags }: Variant): CaseShape => (flags['relative'] ? relative : common);

  it('gives a row the same bits however its picture is cut', async () => {
    const test = await testDevice();
    for (const variant of attentionEncoder.variants) {
      if (!supports(test.profile, variant)) continue;
      const shape = shapeOf(variant);
      const plan = attentionEncoder.plan(shape, test.profile, variant);
      const { buffers } = makeCase(shape, variant, makeRandom(1));
      const uncut = await runKernels(test, [plan], buffers);
      const tiles = packEncoderTiles(shape, shape.spans, 7);
      const cut: Buffers = await runKernels(test, [plan], { ...buffers, tiles });
      expect(cut['out'], variant.id).toEqual(uncut['out']);
    }
  });

  it('stays finite where values exceed the range of a half', async () => {
    const test = await testDevice();
    for (const variant of attentionEncoder.variants) {
      if (!supports(test.profile, variant)) continue;
      const shape = shapeOf(variant);
      const { buffers } = makeCase(shape, variant, makeRandom(2));
      const qkv = (buffers['qkv'] as Float32Array).map((value) => value * 1e5);
      const large: Buffers = { ...buffers, qkv };
      const { out } = await runKernels(test, [attentionEncoder.plan(shape, test.profile, variant)], large);
      expect((out as Float32Array).every(Number.isFinite), variant.id).toBe(true);
    }
  });
});
