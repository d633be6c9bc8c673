// f8 tensors through the loader on a device: the numbers times their scales, in every kind of scale, bit for bit.
import { type FloatFormatId, f8ToF32, floatFormats, type WeightFormatOptions } from '@pagemind/quant';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import { MAP_READ } from '../gpu/usage.js';
import { openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import { loadWeights } from './weight-loader.js';
import { type WeightSpec, wholeTensor } from './weights.js';

const ROWS = 22;
const COLS = 160;

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

const f16: WeightFormatOptions = { format: 'f16', groupSize: 0, hasZeros: false };
const int4: WeightFormatOptions = { format: 'int4', groupSize: 32, hasZeros: true };

it.each<[string, 'F8_E4M3' | 'F8_E5M2', readonly number[] | undefined, WeightFormatOptions]>([
  ['e4m3 without scales', 'F8_E4M3', undefined, f16],
  ['e5m2 with one', 'F8_E5M2', [], f16],
  ['e4m3 with one a row', 'F8_E4M3', [ROWS, 1], f16],
  ['e4m3 in blocks', 'F8_E4M3', [3, 3], f16],
  ['e4m3 in blocks, quantised', 'F8_E4M3', [3, 3], int4],
])('%s', async (_what, dtype, shape, wanted) => {
  const data = Uint8Array.from({ length: ROWS * COLS }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 24) & 0xbf);
  const numScales = shape?.reduce((product, size) => product * size, 1) ?? 0;
  const scales = Float32Array.from({ length: numScales }, (_, i) => 0.01 + Math.sin(i) * 0.003);
  const tensors: Record<string, TensorData> = {
    'a.weight': { dtype, shape: [ROWS, COLS], data },
    ...(shape && { 'a.weight_scale': { dtype: 'F32', shape, data: new Uint8Array(scales.buffer) } }),
  };
  const quantization = { quantization_config: { quant_method: 'fp8', weight_block_size: [8, 64] } };
  const checkpoint = await openCheckpoint(
    memorySource({
      'config.json': JSON.stringify(shape ? quantization : {}),
      'model.safetensors': writeSafetensors(tensors),
    }),
  );
  const values = Float32Array.from(data, (byte, i) => {
    const [row, col] = [Math.floor(i / COLS), i % COLS];
    const scale =
      numScales === 9 ? scales[Math.floor(row / 8) * 3 + Math.floor(col / 64)] : scales[numScales > 1 ? row : 0];
    return f8ToF32(byte, dtype === 'F8_E4M3' ? 4 : 5) * (scale ?? 1);
  });
  const pieces = [wholeTensor('a.weight', ROWS)];
  const spec: WeightSpec = { kind: 'matrix', name: 'a', numRows: ROWS, numCols: COLS, pieces, group: 'decoder' };
  const policy = wanted === f16 ? {} : { decoder: wanted };
  // Windows of five rows cut blocks of scales.
  const weights = await loadWeights(gpu, checkpoint, [spec], policy, { windowBytes: 5 * COLS });
  const { options, planes } = weights.matrices.get('a') ?? {};
  expect(options).toEqual(wanted);
  const expected = floatFormats[wanted.format as FloatFormatId].pack(values, ROWS, COLS, wanted);
  for (const [plane, words] of Object.entries(expected)) {
    expect(await readBack(planes?.[plane] as GPUBuffer, words.byteLength), plane).toEqual(words);
  }
  weights.destroy();
});
