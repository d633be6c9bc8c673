// Scales of f8 tensors: whose they are, what they are for, and what is refused.
import { f32ToBf16 } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import type { SafetensorsDtype } from './safetensors.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import type { TensorEntry } from './tensor-entry.js';

const ROWS = 300;
const COLS = 200;

function f8(...shape: number[]): TensorData {
  return { dtype: 'F8_E4M3', shape, data: new Uint8Array(shape.reduce((product, size) => product * size, 1)) };
}

/** Number `i` of some scales: exact in every dtype. */
const scaleOf = (i: number): number => (1 + (i % 7) / 8) / 64;

/** Scales of a shape. */
function scales(dtype: SafetensorsDtype, ...shape: number[]): TensorData {
  const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) =>
    scaleOf(i),
  );
  const bits = dtype === 'F32' ? values : Uint16Array.from(values, f32ToBf16);
  return { dtype, shape, data: new Uint8Array(bits.buffer) };
}

async function open(tensors: Readonly<Record<string, TensorData>>, quantization?: object) {
  const config = JSON.stringify({ ...(quantization && { quantization_config: quantization }) });
  const source = memorySource({ 'config.json': config, 'model.safetensors': writeSafetensors(tensors) });
  return (await openCheckpoint(source)).tensors;
}

describe('scales of f8 tensors', () => {
  it.each([
    ['one, of no dimension', 'weight_scale', scales('F32'), { blockRows: ROWS, blockCols: COLS }],
    ['one, of one', 'weight_scale', scales('BF16', 1), { blockRows: ROWS, blockCols: COLS }],
    ['one a row', 'weight_scale', scales('BF16', ROWS, 1), { blockRows: 1, blockCols: COLS }],
    ['one a row, of one dimension', 'weight_scale', scales('F32', ROWS), { blockRows: 1, blockCols: COLS }],
    ['blocks of 128', 'weight_scale_inv', scales('F32', 3, 2), { blockRows: 128, blockCols: 128 }],
  ])('%s', async (_what, suffix, data, place) => {
    const tensors = await open({ 'a.weight': f8(ROWS, COLS), [`a.${suffix}`]: data, 'a.input_scale': scales('F32') });
    expect([...tensors.keys()]).toEqual(['a.weight']);
    const { factors } = tensors.get('a.weight') as TensorEntry;
    expect(factors).toMatchObject(place);
    const numScales = data.shape.reduce((product, size) => product * size, 1);
    expect(factors?.values).toEqual(Float32Array.from({ length: numScales }, (_, i) => scaleOf(i)));
  });

  it('are of the size that the configuration says', async () => {
    const tensors = { 'a.weight': f8(ROWS, COLS), 'a.weight_scale_inv': scales('F32', 5, 7) };
    const opened = await open(tensors, { quant_method: 'fp8', weight_block_size: [64, 32] });
    expect(opened.get('a.weight')?.factors).toMatchObject({ blockRows: 64, blockCols: 32 });
    await expect(open(tensors)).rejects.toMatchObject({ code: 'tensor_mismatch' });
  });

  it('are none where the numbers need none', async () => {
    expect((await open({ 'a.weight': f8(ROWS, COLS) })).get('a.weight')?.factors).toBeUndefined();
  });

  it('stay tensors in checkpoints without f8', async () => {
    expect([...(await open({ 'a.weight_scale': scales('F32', 2) })).keys()]).toEqual(['a.weight_scale']);
  });

  it.each([
    ['a scale that is missing', { 'a.weight': f8(4, 4) }, 'tensor_missing'],
    ['scales of another shape', { 'a.weight': f8(4, 4), 'a.weight_scale': scales('F32', 3) }, 'tensor_mismatch'],
    [
      'scales of three dimensions',
      { 'a.weight': f8(4, 4), 'a.weight_scale': scales('F32', 4, 1, 1) },
      'tensor_mismatch',
    ],
    ['a tensor that is no matrix', { 'a.weight': f8(4), 'a.weight_scale': scales('F32', 1) }, 'tensor_mismatch'],
    [
      'scales of another dtype',
      { 'a.weight': f8(4, 4), 'a.weight_scale': { dtype: 'I8', shape: [1], data: new Uint8Array(1) } },
      'tensor_mismatch',
    ],
    [
      'a scale that is no number',
      { 'a.weight': f8(4, 4), 'a.weight_scale': { dtype: 'BF16', shape: [1], data: Uint8Array.of(0xc0, 0x7f) } },
      'tensor_mismatch',
    ],
  ])('refuses %s', async (_what, tensors, code) => {
    await expect(open(tensors as Record<string, TensorData>, { quant_method: 'fp8' })).rejects.toMatchObject({ code });
  });
});
