// GGUF blocks through the loader on a device: bit for bit where the rows belong, in windows that cut tensors, with no tensor
// whole in JavaScript.
import { type GgmlType, ggmlBlocks, ggmlWeightOptions, repackGgml } from '@pagemind/quant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import { MAP_READ } from '../gpu/usage.js';
import { item, writeGguf } from '../testing/gguf-writer.js';
import { openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import { loadWeights } from './weight-loader.js';
import { type WeightSpec, wholeTensor } from './weights.js';

const COLUMNS = 512;
const HEAD_DIM = 8;
const TYPE_NUMBERS: Partial<Record<GgmlType, number>> = { Q4_0: 2, Q5_1: 7, Q4_K: 12, Q6_K: 14 };

let gpu: GpuContext;
let dawn: GPU; // kept: its devices die with it

beforeAll(async () => {
  dawn = create([]) as unknown as GPU;
  gpu = await GpuContext.open(dawn);
});
afterAll(() => gpu.dispose());

async function readBack(buffer: GPUBuffer, numBytes: number): Promise<Uint32Array> {
  const copy = await gpu.allocate('copy', numBytes, MAP_READ | 0x8);
  gpu.submit([], (encoder) => encoder.copyBufferToBuffer(buffer, 0, copy, 0, numBytes));
  await copy.mapAsync(1);
  const words = new Uint32Array(copy.getMappedRange().slice(0, numBytes));
  gpu.release(copy);
  return words;
}

const bytesOf = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24);

describe.each(Object.keys(TYPE_NUMBERS) as GgmlType[])('%s', (type) => {
  const rowBytes = (COLUMNS / ggmlBlocks[type].columns) * ggmlBlocks[type].bytes;
  const sizes = { attn_q: 32, ffn_gate: 12, ffn_up: 12 };
  const data = (name: keyof typeof sizes): Uint8Array => {
    const { bytes, scale } = ggmlBlocks[type];
    const blocks = bytesOf(name.length, sizes[name] * rowBytes);
    // Halves that are finite: JavaScript has but one NaN.
    for (let at = scale; at < blocks.length; at += bytes)
      for (const i of [1, 3]) blocks[at + i] = (blocks[at + i] ?? 0) & 0xbf;
    return blocks;
  };
  const rowsOf = (name: keyof typeof sizes): Uint8Array[] =>
    Array.from({ length: sizes[name] }, (_, i) => data(name).subarray(i * rowBytes, (i + 1) * rowBytes));

  it('keeps every bit, puts heads in order, interleaves, and holds two windows at most', async () => {
    const tensor = (name: keyof typeof sizes) => ({
      type: TYPE_NUMBERS[type] ?? 0,
      dims: [COLUMNS, sizes[name]],
      data: data(name),
    });
    const file = writeGguf(
      {
        'general.architecture': item('llama'),
        'llama.context_length': item(64),
        'llama.embedding_length': item(COLUMNS),
        'llama.attention.key_length': item(HEAD_DIM),
        'llama.attention.value_length': item(HEAD_DIM),
        'llama.block_count': item(1),
        'llama.feed_forward_length': item(12),
        'llama.attention.head_count': item(4),
        'llama.attention.layer_norm_rms_epsilon': item(1e-5),
      },
      {
        'token_embd.weight': { type: 0, dims: [COLUMNS, 1], data: new Uint8Array(COLUMNS * 4) },
        'blk.0.attn_q.weight': tensor('attn_q'),
        'blk.0.ffn_gate.weight': tensor('ffn_gate'),
        'blk.0.ffn_up.weight': tensor('ffn_up'),
      },
    );
    const checkpoint = await openCheckpoint(memorySource({ 'm.gguf': file }));
    const layer = 'model.layers.0';
    const matrix = (name: string, numRows: number, pieces: WeightSpec['pieces']): WeightSpec => ({
      ...{ kind: 'matrix', name, numRows, numCols: COLUMNS, pieces, group: 'decoder' },
    });
    const interleaved = { numRows: 12, firstRow: 0, block: 4, stride: 8 };
    const specs = [
      matrix('q', 32, [wholeTensor(`${layer}.self_attn.q_proj.weight`, 32)]),
      matrix('gateUp', 24, [
        { ...interleaved, tensor: `${layer}.mlp.gate_proj.weight`, dst: 0 },
        { ...interleaved, tensor: `${layer}.mlp.up_proj.weight`, dst: 4 },
      ]),
    ];
    const windowBytes = 17 * rowBytes; // two heads and a row
    const ignored = (name: string): boolean => name.includes('embed');
    const weights = await loadWeights(gpu, checkpoint, specs, {}, { windowBytes, ignored });
    expect(weights.peakHeldBytes).toBeLessThanOrEqual(2 * windowBytes);

    // In the file, rows 2 i and 2 i + 1 of a head are its rows i and HEAD_DIM / 2 + i.
    const stored = rowsOf('attn_q');
    const inOrder = stored.map((_, row) => {
      const inHead = row % HEAD_DIM;
      const half = HEAD_DIM / 2;
      return stored[row - inHead + 2 * (inHead % half) + Math.floor(inHead / half)] as Uint8Array;
    });
    const [gate, up] = [rowsOf('ffn_gate'), rowsOf('ffn_up')];
    const alternating = [0, 4, 8].flatMap((row) => [...gate.slice(row, row + 4), ...up.slice(row, row + 4)]);
    for (const [name, rows] of Object.entries({ q: inOrder, gateUp: alternating })) {
      const loaded = weights.matrices.get(name);
      expect(loaded?.options).toEqual(ggmlWeightOptions[type]);
      const bytes = Uint8Array.from(rows.flatMap((row) => [...row]));
      const expected = repackGgml(type, bytes, rows.length, COLUMNS);
      for (const [plane, words] of Object.entries(expected)) {
        const actual = await readBack(loaded?.planes[plane] as GPUBuffer, words.byteLength);
        expect(actual, `${name}.${plane}`).toEqual(words);
      }
    }
    weights.destroy();
  });
});
