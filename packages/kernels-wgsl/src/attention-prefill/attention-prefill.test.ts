// attention-prefill: every variant against its f64 reference, and what must not depend on the batch.
import { describe, expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { describeParity, makeRandom, relativeError } from '../../testing/parity.js';
import { type Buffers, runKernels } from '../../testing/run.js';
import { attentionDecode } from '../attention-decode/attention-decode.js';
import { supports } from '../kernel.js';
import { kvWrite } from '../kv-write/kv-write.js';
import { makePaged, makeQkv, packKv, packRows } from '../kv-write/paged.reference.js';
import { attentionPrefill, tileTokens, tileTokensOf } from './attention-prefill.js';
import { makePrefillCase, type PrefillCaseShape, packTiles, prefillShape } from './attention-prefill.reference.js';

/** From the start, from inside a page, over a tile of keys (32), and a single token. */
const runs = [
  { past: 0, count: 19 },
  { past: 5, count: 9 },
  { past: 28, count: 6 },
  { past: 32, count: 1 },
];
const short = [{ past: 3, count: 6 }];

/** What every variant is tried with: three heads to a group, a chunk of D and a part of one. */
const sizes = { headDim: 40, numQueryHeads: 6, numKvHeads: 2, rotaryDim: 16, maxPages: 5 };
/** Everything that families do to scores, at once: the window ends inside a tile of keys, and behind one. */
const traits = { window: 9, softcap: 3, alibi: 0.7, hasSinks: true };
const windowed = [...runs, { past: 70, count: 12 }];
/** Where only the shape differs one variant is enough; a pipeline for each is what tests cost. */
const narrowOnly: readonly PrefillCaseShape[] = [
  prefillShape({ headDim: 8, numQueryHeads: 21, numKvHeads: 1, runs: short }), // shares of 11 and 10 heads
  prefillShape({ headDim: 64, numQueryHeads: 4, numKvHeads: 1, runs, pageSize: 32 }),
  prefillShape({ headDim: 80, numQueryHeads: 1, numKvHeads: 1, runs: short }),
  prefillShape({ headDim: 128, numQueryHeads: 8, numKvHeads: 1, runs: short }),
  prefillShape({ headDim: 256, numQueryHeads: 2, numKvHeads: 1, runs: short }),
  prefillShape({ headDim: 80, numQueryHeads: 2, numKvHeads: 2, runs: short, kvType: 'int8' }),
  prefillShape({ headDim: 256, numQueryHeads: 2, numKvHeads: 1, runs: short, kvType: 'int8' }),
  prefillShape({ headDim: 8, numQueryHeads: 5, numKvHeads: 1, runs: short, kvType: 'int4' }),
  prefillShape({ headDim: 128, numQueryHeads: 8, numKvHeads: 1, runs, kvType: 'int4', pageSize: 32 }),
  prefillShape({ headDim: 16, numQueryHeads: 2, numKvHeads: 1, runs: windowed, window: 33 }),
  prefillShape({ headDim: 12, numQueryHeads: 5, numKvHeads: 5, runs: short, alibi: 1 }),
];

describeParity<PrefillCaseShape>({
  kernel: attentionPrefill,
  shapes: [
    ...(['f16', 'f32', 'int8', 'int4'] as const).flatMap((kvType) => [
      prefillShape({ ...sizes, runs, kvType }),
      prefillShape({ ...sizes, ...traits, runs: windowed, kvType, maxPages: 11 }),
    ]),
    ...narrowOnly,
  ],
  makeCase: (shape, variant, random) => makePrefillCase(shape, tileTokensOf(shape, variant), random),
  // shader-f16 rounds queries and weights.
  tolerance: ({ requires }) => (requires.includes('shader-f16') ? 5e-3 : 2e-5),
  accepts: ({ id }, shape) => id.startsWith(shape.kvType) && (id.endsWith('-narrow') || !narrowOnly.includes(shape)),
});

describe('attention-prefill', () => {
  it('gives a row the same bits however its sequence is cut', async () => {
    const test = await testDevice();
    const plain = prefillShape({ ...sizes, runs });
    const windows = prefillShape({ ...sizes, ...traits, runs: windowed, maxPages: 11 });
    const variants = attentionPrefill.variants.filter(({ id }) => id.startsWith('f16'));
    for (const [shape, variant] of [plain, windows].flatMap((each) => variants.map((one) => [each, one] as const))) {
      if (!supports(test.profile, variant)) continue;
      const { buffers } = makePrefillCase(shape, tileTokensOf(shape, variant), makeRandom(1));
      const plan = attentionPrefill.plan(shape, test.profile, variant);
      const whole = await runKernels(test, [plan], buffers);
      for (const tokens of [1, 4]) {
        const cut: Buffers = await runKernels(test, [plan], { ...buffers, tiles: packTiles(shape, tokens) });
        expect(cut['out'], `${variant.id} in tiles of ${tokens}`).toEqual(whole['out']);
      }
    }
  });

  const norm = { queryKeyNorm: 'head', normEpsilon: 0.05, lognLength: 6, isInterleaved: true } as const;
  it.each([
    ['f16', {}],
    ['int8', {}],
    ['int4', {}],
    ['f32', { ...traits, ...norm }],
    ['int8', { ...traits, ...norm }],
  ] as const)('after kv-write agrees with attention-decode on the last token: %s with %o', async (kvType, beyond) => {
    const test = await testDevice();
    const shape = {
      ...prefillShape({ ...sizes, ...beyond, runs: [{ past: 0, count: 13 }], kvType }),
      numRows: 13,
    };
    const random = makeRandom(7);
    const data = makePaged(shape, 1, random);
    const qkv = makeQkv(shape, shape.numRows, random);
    const tokens = Array.from({ length: shape.numRows }, (_, position) => ({ slot: 0, position }));
    const shared = {
      kv: packKv(shape, data),
      rope: data.rope,
      page_table: data.pageTable,
      learned: data.learned,
    };
    const prefilled = await runKernels(
      test,
      [kvWrite.plan(shape, test.profile), attentionPrefill.plan(shape, test.profile)],
      {
        ...shared,
        qkv,
        rows: packRows(data, tokens),
        tiles: packTiles(shape, tileTokens(shape, test.profile)),
        out: new Float32Array(shape.numRows * shape.outStride),
      },
    );
    // Decode gets the cache without its token.
    const step = { ...shape, numRows: 1, numSplits: 1, splitSize: 16 };
    const before = await runKernels(test, [kvWrite.plan({ ...shape, numRows: 12 }, test.profile)], {
      ...shared,
      qkv,
      rows: packRows(data, tokens.slice(0, 12)),
    });
    const decoded = await runKernels(test, [attentionDecode.plan(step, test.profile)], {
      ...shared,
      kv: before.kv,
      qkv: qkv.slice(12 * shape.qkvStride),
      rows: packRows(data, tokens.slice(12)),
      out: new Float32Array(shape.outStride),
    });
    const last = Float64Array.from(prefilled.out.slice(12 * shape.outStride));
    expect(relativeError(decoded.kv, Float64Array.from(prefilled.kv))).toBeLessThan(1e-5);
    expect(relativeError(decoded.out, last)).toBeLessThan(2e-5);
  });
});
