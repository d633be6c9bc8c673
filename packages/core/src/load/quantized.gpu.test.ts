// Quantised checkpoints on a device: every plane bit for bit what the CPU reference makes of the files, in windows of any size,
// parts joined and interleaved; and nothing left behind by what does not fit.
import { f32ToF16, type Planes, weightFormats } from '@pagemind/quant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import { readBuffer } from '../gpu/read-buffer.js';
import { BufferUsage } from '../gpu/usage.js';
import { planesOf } from '../testing/quantized.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import type { SafetensorsDtype } from './safetensors.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import { type LoadedMatrix, loadWeights, weightBytes } from './weight-loader.js';
import { type MatrixSpec, wholeTensor } from './weights.js';

const [ROWS, COLS, GROUP_SIZE] = [24, 96, 32];
const GROUPS = COLS / GROUP_SIZE;

let state = 1;
/** A tensor of made-up words, or of halves that are plausible scales. */
function tensor(dtype: SafetensorsDtype, ...shape: number[]): TensorData {
  const length = shape.reduce((product, size) => product * size, 1);
  const next = (): number => {
    state = Math.imul(state, 1664525) + 1013904223;
    return state >>> 0;
  };
  if (dtype === 'I32' || dtype === 'U32') {
    return { dtype, shape, data: new Uint8Array(Uint32Array.from({ length }, next).buffer) };
  }
  const halves = Uint16Array.from({ length }, () => f32ToF16(((next() >>> 16) % 2000) / 1e5 - 0.01));
  return { dtype, shape, data: new Uint8Array(halves.buffer) };
}

/** Group of every column: each has `GROUP_SIZE`, in an order of its own. */
function index(step: number): TensorData {
  const groups = Int32Array.from({ length: COLS }, (_, column) => Math.floor(((column * step) % COLS) / GROUP_SIZE));
  return { dtype: 'I32', shape: [COLS], data: new Uint8Array(groups.buffer) };
}

type Tensors = Record<string, TensorData>;
type Make = (stem: string, rows: number, step: number) => Tensors;

const gptq =
  (bits: number): Make =>
  (stem, rows, step) => ({
    [`${stem}.qweight`]: tensor('I32', (COLS * bits) / 32, rows),
    [`${stem}.qzeros`]: tensor('I32', GROUPS, (rows * bits) / 32),
    [`${stem}.scales`]: tensor('F16', GROUPS, rows),
    ...(step > 0 && { [`${stem}.g_idx`]: index(step) }),
  });

const layouts: Readonly<Record<string, Make>> = {
  'AWQ gemm': (stem, rows) => ({
    [`${stem}.qweight`]: tensor('I32', COLS, rows / 8),
    [`${stem}.qzeros`]: tensor('I32', GROUPS, rows / 8),
    [`${stem}.scales`]: tensor('F16', GROUPS, rows),
  }),
  'AWQ gemv': (stem, rows) => ({
    [`${stem}.qweight`]: tensor('I32', rows, COLS / 8),
    [`${stem}.qzeros`]: tensor('I32', rows, 4),
    [`${stem}.scales`]: tensor('F16', rows, 32),
  }),
  GPTQ: (stem, rows) => gptq(4)(stem, rows, 0),
  'GPTQ with act-order, 8 bits': gptq(8),
  'GPTQ with act-order': gptq(4),
  'compressed-tensors': (stem, rows) => ({
    [`${stem}.weight_packed`]: tensor('I32', rows, COLS / 8),
    [`${stem}.weight_scale`]: tensor('F16', rows, GROUPS),
    [`${stem}.weight_zero_point`]: tensor('I32', rows / 8, GROUPS),
  }),
  'compressed-tensors, symmetric, with act-order': (stem, rows, step) => ({
    [`${stem}.weight_packed`]: tensor('I32', rows, COLS / 8),
    [`${stem}.weight_scale`]: tensor('F16', rows, GROUPS),
    [`${stem}.weight_g_idx`]: index(step),
  }),
  MLX: (stem, rows) => ({
    [`${stem}.weight`]: tensor('U32', rows, COLS / 8),
    [`${stem}.scales`]: tensor('F16', rows, GROUPS),
    [`${stem}.biases`]: tensor('F16', rows, GROUPS),
  }),
};

const spec = (name: string, numRows: number, pieces: MatrixSpec['pieces']): MatrixSpec => ({
  ...{ kind: 'matrix', name, numRows, numCols: COLS, pieces, group: 'decoder' },
});
/** Four rows of `a`, four of `b`, in turns. */
const interleaved = (['a', 'b'] as const).map((stem, i) => ({
  ...wholeTensor(`${stem}.weight`, ROWS, i * 4),
  ...{ block: 4, stride: 8 },
}));
const fused = spec('fused', 2 * ROWS, interleaved);
/** The rows of `c` in groups of eight, the later half first. */
const regrouped = spec('regrouped', ROWS, [
  { ...wholeTensor('c.weight', 8, 16), firstRow: 0 },
  { ...wholeTensor('c.weight', 8, 8), firstRow: 8 },
  { ...wholeTensor('c.weight', 8, 0), firstRow: 16 },
]);

const specs = [fused, regrouped, spec('whole', ROWS, [wholeTensor('d.weight', ROWS)])];

function open(make: Make): Promise<Checkpoint> {
  const tensors = { ...make('a', ROWS, 5), ...make('b', ROWS, 7), ...make('c', ROWS, 11), ...make('d', ROWS, 13) };
  const config = JSON.stringify({ quantization_config: { group_size: GROUP_SIZE } });
  return openCheckpoint(memorySource({ 'config.json': config, 'model.safetensors': writeSafetensors(tensors) }));
}

let gpu: GpuContext;
let dawn: GPU; // kept: its devices die with it
beforeAll(async () => {
  dawn = create([]) as unknown as GPU;
  gpu = await GpuContext.open(dawn);
});
afterAll(() => gpu.dispose());

async function planesOnDevice({ options, numRows, planes }: LoadedMatrix): Promise<Record<string, Uint32Array>> {
  const staging = await gpu.allocate('staging', 4096, BufferUsage.mapRead | BufferUsage.copyDst);
  const read: Record<string, Uint32Array> = {};
  for (const [name, bytes] of Object.entries(weightFormats[options.format].planeBytes(numRows, COLS, options))) {
    const into = new Uint8Array(bytes);
    await readBuffer(gpu, staging, planes[name] as GPUBuffer, 0, into);
    read[name] = new Uint32Array(into.buffer);
  }
  gpu.release(staging);
  return read;
}

describe.each(Object.entries(layouts))('loadWeights of %s', (layout, make) => {
  it.each([800, 1 << 20])('in windows of at most %i bytes', async (windowBytes) => {
    const checkpoint = await open(make);
    const stored = new Map<string, Awaited<ReturnType<typeof planesOf>>>();
    for (const [name, matrix] of checkpoint.quantized ?? []) {
      expect(layout.startsWith(matrix.layout)).toBe(true);
      stored.set(name, await planesOf(matrix));
    }
    const weights = await loadWeights(gpu, checkpoint, specs, {}, { windowBytes });
    expect(weights.bytes).toBe(weightBytes(specs, checkpoint, {}));
    expect(weights.peakHeldBytes).toBeLessThanOrEqual(2 * windowBytes);
    for (const { name, numRows, pieces } of specs) {
      const matrix = weights.matrices.get(name) as LoadedMatrix;
      const planes = await planesOnDevice(matrix);
      if (name === 'whole') expect(planes).toEqual(stored.get('d.weight')?.planes);
      const expected = new Float32Array(numRows * COLS);
      for (const { tensor: from, firstRow, numRows: count, dst, block, stride } of pieces) {
        const { planes: source, options } = stored.get(from) as Awaited<ReturnType<typeof planesOf>>;
        const values = weightFormats[options.format].unpack(source, ROWS, COLS, options);
        for (let i = 0; i < count; i++) {
          const row = values.subarray((firstRow + i) * COLS, (firstRow + i + 1) * COLS);
          expected.set(row, (dst + Math.floor(i / block) * stride + (i % block)) * COLS);
        }
      }
      const { options } = matrix;
      expect(weightFormats[options.format].unpack(planes as Planes, numRows, COLS, options), name).toEqual(expected);
    }
    weights.destroy();
    expect(gpu.allocated.numBuffers).toBe(0);
  });

  it('leaves nothing behind when it fails', async () => {
    const checkpoint = await open(make);
    const controller = new AbortController();
    const onProgress = (loaded: number): void => {
      if (loaded > 0) controller.abort();
    };
    const loading = loadWeights(
      gpu,
      checkpoint,
      specs,
      {},
      { windowBytes: 800, onProgress, signal: controller.signal },
    );
    await expect(loading).rejects.toMatchObject({ code: 'aborted' });
    const tooSmall = loadWeights(gpu, checkpoint, specs, {}, { windowBytes: 32 });
    await expect(tooSmall).rejects.toMatchObject({ code: 'unsupported_model' });
    expect(gpu.allocated).toEqual({ numBuffers: 0, bytes: 0 });
  });
});
