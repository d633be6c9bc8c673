// Quantised caches beyond parity: goldens of another implementation, through prefill and through decode, and lines that a
// grid hardly fits.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, type TestContext } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { relativeError } from '../../testing/parity.js';
import { runKernels } from '../../testing/run.js';
import { attentionDecode } from '../attention-decode/attention-decode.js';
import { attentionPrefill, tileTokens } from '../attention-prefill/attention-prefill.js';
import { codeBits, quantise, readLine } from './codes.reference.js';
import { kvPageBytes } from './kv-cache.js';
import { kvWrite } from './kv-write.js';

const kvTypes = ['int8', 'int4'] as const;

/** A step that fills the cache of one sequence from its start, without a rotary turn. */
function stepOf(
  kvType: (typeof kvTypes)[number],
  headDim: number,
  numQueryHeads: number,
  numKvHeads: number,
  numRows: number,
) {
  const shape = {
    kvType,
    headDim,
    numQueryHeads,
    numKvHeads,
    numRows,
    pageSize: 8,
    maxPages: 3,
    rotaryDim: 0,
    scale: 1 / Math.sqrt(headDim),
    qkvStride: (numQueryHeads + 2 * numKvHeads) * headDim,
    outStride: numQueryHeads * headDim,
    numTiles: numRows,
    numSplits: 1,
    splitSize: 32,
  };
  const buffers = {
    kv: new Uint8Array(shape.maxPages * kvPageBytes(shape)),
    rope: new Float32Array(2),
    learned: new Float32Array(1),
    rows: Uint32Array.from({ length: 4 * numRows }, (_, i) => (i % 4 === 1 ? i >> 2 : 0)),
    page_table: Uint32Array.from([2, 0, 1]),
    out: new Float32Array(numRows * shape.outStride),
  };
  return { shape, buffers };
}

type Step = ReturnType<typeof stepOf>;
type Outcome = Pick<Step['buffers'], 'kv' | 'out'>;

/** All rows at once. */
async function prefill({ shape, buffers }: Step, qkv: Float32Array): Promise<Outcome> {
  const test = await testDevice();
  const size = tileTokens(shape, test.profile);
  const tiles = new Uint32Array(4 * shape.numTiles);
  for (let tile = 0; tile * size < shape.numRows; tile++) {
    tiles.set([0, tile * size, Math.min(size, shape.numRows - tile * size), tile * size], 4 * tile);
  }
  const plans = [kvWrite.plan(shape, test.profile), attentionPrefill.plan(shape, test.profile)];
  return runKernels(test, plans, { ...buffers, qkv, tiles });
}

/** One row after the other. */
async function decode({ shape, buffers }: Step, qkv: Float32Array): Promise<Outcome> {
  const test = await testDevice();
  const out = new Float32Array(buffers.out.length);
  let { kv } = buffers;
  for (let row = 0; row < shape.numRows; row++) {
    const after = await runKernels(test, [attentionDecode.plan({ ...shape, numRows: 1 }, test.profile)], {
      ...buffers,
      kv,
      qkv: qkv.slice(row * shape.qkvStride, (row + 1) * shape.qkvStride),
      rows: buffers.rows.slice(4 * row, 4 * row + 4),
      out: new Float32Array(shape.outStride),
    });
    kv = after.kv;
    out.set(after.out, row * shape.outStride);
  }
  return { kv, out };
}

const paths = [
  ['prefill', prefill],
  ['decode', decode],
] as const;

/** The line of a token's key (0) or value (1) in the cache. */
function lineOf({ shape, buffers }: Step, head: number, kind: number, token: number): number {
  const page = buffers.page_table[Math.floor(token / shape.pageSize)] ?? 0;
  return ((page * shape.numKvHeads + head) * 2 + kind) * shape.pageSize + (token % shape.pageSize);
}

/** Reads tensors of the goldens by name; skips the test where there are none. */
function openGoldens(context: TestContext): (name: string) => Float32Array | Uint8Array {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const path = `${process.env['PAGEMIND_FIXTURES'] ?? `${root}../shared`}/goldens/kv-quant/golden.safetensors`;
  if (!existsSync(path)) context.skip(`no goldens at ${path}`);
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  return (name) => {
    const { dtype, data_offsets } = header[name] ?? { dtype: '', data_offsets: [0, 0] };
    expect(dtype, name).toMatch(/^(F32|U8)$/);
    const bytes = Uint8Array.from(file.subarray(start + data_offsets[0], start + data_offsets[1]));
    return dtype === 'U8' ? bytes : new Float32Array(bytes.buffer);
  };
}

describe.each(kvTypes)('the goldens in %s', (kvType) => {
  const [numHeads, numKvHeads, numTokens, headDim] = [4, 2, 19, 64];

  /** From `[heads, tokens, headDim]` of each tensor to `[tokens, all heads, headDim]`. */
  const byToken = (tensors: readonly ArrayLike<number>[]): number[] =>
    Array.from({ length: numTokens }, (_, token) =>
      tensors.flatMap((tensor) =>
        Array.from({ length: tensor.length / numTokens }, (_, i) => {
          const head = Math.floor(i / headDim);
          return tensor[(head * numTokens + token) * headDim + (i % headDim)] ?? Number.NaN;
        }),
      ),
    ).flat();

  it.for(paths)('come out of %s', async ([, run], context) => {
    const golden = openGoldens(context);
    const step = stepOf(kvType, headDim, numHeads, numKvHeads, numTokens);
    const after = await run(step, Float32Array.from(byToken(['q', 'k', 'v'].map(golden))));

    const want = Float64Array.from(byToken([golden(`out_${kvType}_half`)]));
    expect(relativeError(after.out, want)).toBeLessThan(2e-5);
    for (const [kind, name] of ['k', 'v'].entries()) {
      const tensor = (part: string) => golden(`${name}_${part}_${kvType}_half`);
      const [scales, zeros, codes] = [tensor('scale'), tensor('zero'), tensor('q')];
      for (let i = 0; i < numKvHeads * numTokens; i++) {
        const line = lineOf(step, Math.floor(i / numTokens), kind, i % numTokens);
        const got = readLine(step.shape, after.kv, line);
        expect([got.scale, got.zero], `${name} ${i}`).toEqual([scales[i], zeros[i]]);
        const { isOpen } = quantise(golden(name).subarray(i * headDim, (i + 1) * headDim), codeBits(kvType) || 8);
        const certain = (all: ArrayLike<number>) => Array.from(all).map((code, d) => (isOpen[d] ? -1 : code));
        expect(certain(got.codes), `${name} ${i}`).toEqual(certain(codes.subarray(i * headDim, (i + 1) * headDim)));
      }
    }
  });
});

describe.each(kvTypes)('%s', (kvType) => {
  const headDim = 8;
  const ramp = [0, 1, 2, 3, 4, 5, 6, 7];
  const lines: readonly (readonly [name: string, values: readonly number[]])[] = [
    ['zeros', ramp.map(() => 0)],
    ['a half eight times', ramp.map(() => -1.5)],
    ['another number eight times', ramp.map(() => 0.1)],
    ['numbers beyond halves', ramp.map((i) => (i - 3) * 1e30)],
    ['the largest half and more', ramp.map((i) => 65504 + i)],
    ['numbers around the smallest normal half', ramp.map((i) => (i - 2) * 2e-5)],
    ['numbers too near to each other', ramp.map((i) => i * 1e-9)],
    ['numbers far from zero and near to each other', ramp.map((i) => 1000 + i / 64)],
  ];

  it.each(paths)('keeps what a grid hardly fits finite, and as near as halves allow: %s', async (_path, run) => {
    const step = stepOf(kvType, headDim, 1, 1, lines.length);
    // Queries of zero: every token has the mean of the values so far.
    const qkv = Float32Array.from(lines.flatMap(([, values]) => [...ramp.map(() => 0), ...values, ...values]));
    const after = await run(step, qkv);
    const means = ramp.map(() => 0);
    for (const [token, [name, values]] of lines.entries()) {
      const stored = [0, 1].map((kind) => readLine(step.shape, after.kv, lineOf(step, 0, kind, token)));
      const { isOpen, ...want } = quantise(values, codeBits(kvType) || 8);
      if (want.scale > 0 && !isOpen.includes(true)) expect(stored, name).toEqual([want, want]);
      for (const { scale, zero, codes } of stored) {
        expect([scale, zero], name).toEqual([want.scale, want.zero]);
        codes.forEach((code, d) => {
          const value = Math.max(-65504, Math.min(65504, values[d] ?? 0));
          const halfUlp = Math.max(2 ** -24, Math.abs(zero) * 2 ** -11);
          const distance = Math.abs(code * scale + zero - value);
          expect(distance, `${name}: ${value}`).toBeLessThanOrEqual(0.501 * scale + 1.01 * halfUlp);
        });
      }
      for (const d of ramp) {
        means[d] = ((means[d] ?? 0) * token + (stored[1]?.codes[d] ?? 0) * want.scale + want.zero) / (token + 1);
      }
      const out = after.out.subarray(token * headDim, (token + 1) * headDim);
      expect(
        relativeError(
          out,
          Float64Array.from(means, (mean) => mean),
        ),
        name,
      ).toBeLessThan(2e-5);
    }
  });
});
