// The loader on a device: every format bit for bit against the CPU packers, nothing left behind by a failure, and a bound on
// the bytes that JavaScript holds.
import { bf16ToF32, type FloatFormatId, f16ToF32, f32ToBf16, f32ToF16, floatFormats } from '@pagemind/quant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { PagemindError } from '../errors.js';
import { GpuContext } from '../gpu/context.js';
import { MAP_READ } from '../gpu/usage.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import type { SafetensorsDtype } from './safetensors.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import type { ByteSource } from './source.js';
import type { TensorEntry } from './tensor-entry.js';
import { loadWeights, weightBytes } from './weight-loader.js';
import { type WeightGroup, type WeightPiece, type WeightPolicy, type WeightSpec, wholeTensor } from './weights.js';

type Stored = 'F32' | 'F16' | 'BF16';

const NUM_COLS = 80;

/** A tensor of made-up numbers in the given dtype. */
function tensor(dtype: Stored, seed: number, ...shape: number[]): TensorData {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + seed) * 10 ** ((i % 5) - 2));
  const bits = dtype === 'F32' ? values : Uint16Array.from(values, dtype === 'F16' ? f32ToF16 : f32ToBf16);
  return { dtype, shape, data: new Uint8Array(bits.buffer) };
}

function valuesOf({ dtype, data }: TensorData): Float32Array {
  if (dtype === 'F32') return new Float32Array(data.buffer);
  return Float32Array.from(new Uint16Array(data.buffer), dtype === 'F16' ? f16ToF32 : bf16ToF32);
}

/** The rows of a spec put together on the CPU. */
function assemble(spec: WeightSpec, tensors: Readonly<Record<string, TensorData>>): Float32Array {
  const [numRows, width] = spec.kind === 'matrix' ? [spec.numRows, spec.numCols] : [spec.length, 1];
  const result = new Float32Array(numRows * width);
  for (const { tensor: name, firstRow, numRows: count, dst, block, stride } of spec.pieces) {
    const values = valuesOf(tensors[name] as TensorData);
    for (let i = 0; i < count; i++) {
      const row = values.subarray((firstRow + i) * width, (firstRow + i + 1) * width);
      result.set(row, (dst + Math.floor(i / block) * stride + (i % block)) * width);
    }
  }
  return result;
}

function matrix(
  name: string,
  numRows: number,
  pieces: readonly WeightPiece[],
  group: WeightGroup = 'decoder',
): WeightSpec {
  return { kind: 'matrix', name, numRows, numCols: NUM_COLS, pieces, group };
}

/** The layouts that families ask for. */
const specs: readonly WeightSpec[] = [
  // Concatenated, with row counts that are no multiples of 4.
  matrix('qkv', 12, [wholeTensor('q', 6), wholeTensor('k', 3, 6), wholeTensor('v', 3, 9)]),
  // Interleaved 4 + 4.
  matrix('gateUp', 24, [
    { tensor: 'gate', firstRow: 0, numRows: 12, dst: 0, block: 4, stride: 8 },
    { tensor: 'up', firstRow: 0, numRows: 12, dst: 4, block: 4, stride: 8 },
  ]),
  // One fused tensor of 2 groups of [q q k v], 2 rows each: sorted into all q, all k, all v.
  matrix(
    'grouped',
    16,
    [0, 1].flatMap((group) => [
      { tensor: 'fused', firstRow: group * 8, numRows: 4, dst: group * 4, block: 4, stride: 4 },
      { tensor: 'fused', firstRow: group * 8 + 4, numRows: 2, dst: 8 + group * 2, block: 2, stride: 2 },
      { tensor: 'fused', firstRow: group * 8 + 6, numRows: 2, dst: 12 + group * 2, block: 2, stride: 2 },
    ]),
  ),
  matrix('embed', 7, [wholeTensor('embed', 7)], 'embedding'),
  { kind: 'vector', name: 'bias', length: 37, pieces: [wholeTensor('qBias', 33), wholeTensor('kBias', 4, 33)] },
];

function tensorsOf(dtype: Stored, other: Stored = dtype): Readonly<Record<string, TensorData>> {
  return {
    qBias: tensor(dtype, 1, 33), // odd, so that what follows starts between words
    q: tensor(dtype, 2, 6, NUM_COLS),
    k: tensor(other, 3, 3, NUM_COLS),
    v: tensor(dtype, 4, 3, NUM_COLS),
    gate: tensor(dtype, 5, 12, NUM_COLS),
    up: tensor(dtype, 6, 12, NUM_COLS),
    fused: tensor(dtype, 7, 16, NUM_COLS),
    embed: tensor(dtype, 8, 7, NUM_COLS),
    kBias: tensor(other, 9, 4),
  };
}

const sourceOf = (tensors: Readonly<Record<string, TensorData>>) =>
  memorySource({ 'config.json': '{}', 'model.safetensors': writeSafetensors(tensors) });

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

describe('loadWeights packs as the CPU does', () => {
  const policies: Readonly<Record<string, WeightPolicy>> = {
    'what is stored': {},
    f16: { decoder: { format: 'f16', groupSize: 0, hasZeros: false } },
    'int4 in groups of 32, the embedding in f16': {
      decoder: { format: 'int4', groupSize: 32, hasZeros: false },
      embedding: { format: 'f16', groupSize: 0, hasZeros: false },
    },
    'int4 in groups of 64 with zero points': { decoder: { format: 'int4', groupSize: 64, hasZeros: true } },
  };
  const kinds = (['F32', 'F16', 'BF16'] as const).flatMap((dtype) =>
    Object.entries(policies).map(([target, policy]) => ({ dtype, other: dtype as Stored, target, policy })),
  );
  const mixed = {
    dtype: 'BF16' as const,
    other: 'F16' as const,
    target: 'what is stored, f32 if mixed',
    policy: {} as WeightPolicy,
  };

  it.each([...kinds, mixed])('$dtype and $other to $target', async ({ dtype, other, policy }) => {
    const tensors = tensorsOf(dtype, other);
    const checkpoint = await openCheckpoint(sourceOf(tensors));
    // Three rows and a half fit a window: blocks are cut, small tensors are read together.
    const windowBytes = Math.floor(3.5 * NUM_COLS * (dtype === 'F32' ? 4 : 2));
    const progress: number[] = [];
    const onProgress = (loaded: number) => progress.push(loaded);
    const weights = await loadWeights(gpu, checkpoint, specs, policy, { windowBytes, onProgress });
    for (const spec of specs) {
      const values = assemble(spec, tensors);
      if (spec.kind === 'vector') {
        const loaded = weights.vectors.get(spec.name);
        const padded = new Float32Array(64);
        padded.set(values);
        expect(await readBack(loaded?.buffer as GPUBuffer, 256)).toEqual(new Uint32Array(padded.buffer));
        continue;
      }
      const { options, planes } = weights.matrices.get(spec.name) ?? {};
      const stored = { F32: 'f32', F16: 'f16', BF16: 'bf16' } as const;
      const isMixed = dtype !== other && spec.name === 'qkv';
      expect(options?.format).toBe(policy[spec.group as WeightGroup]?.format ?? (isMixed ? 'f32' : stored[dtype]));
      if (!options) continue;
      const expected = floatFormats[options.format as FloatFormatId].pack(values, spec.numRows, spec.numCols, options);
      expect(Object.keys(planes ?? {})).toEqual(Object.keys(expected));
      for (const [plane, words] of Object.entries(expected)) {
        expect(await readBack(planes?.[plane] as GPUBuffer, words.byteLength), `${spec.name}.${plane}`).toEqual(words);
      }
    }
    expect(progress[0]).toBe(0);
    expect(progress.length).toBeGreaterThan(5);
    expect(progress.at(-1)).toBe(Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0));
    expect(weights.bytes).toBe(weightBytes(specs, checkpoint, policy));
    expect(weights.peakHeldBytes).toBeLessThanOrEqual(2 * windowBytes);
    weights.destroy();
    weights.destroy();
    expect(gpu.allocated.numBuffers).toBe(0);
  });
});

describe('loadWeights leaves nothing behind', () => {
  const tensors = tensorsOf('BF16');
  const windowBytes = 4 * NUM_COLS * 2;

  /** The checkpoint with every read of tensors passing through `hook`. */
  async function hooked(hook: (numReads: number, signal: AbortSignal | undefined) => void): Promise<Checkpoint> {
    const plain = await openCheckpoint(sourceOf(tensors));
    let numReads = 0;
    const entries = [...plain.tensors.values()];
    const source: ByteSource = {
      size: entries[0]?.source.size ?? 0,
      async read(offset, length, signal) {
        hook(++numReads, signal);
        await new Promise((resolve) => setTimeout(resolve, 1));
        return (entries[0] as TensorEntry).source.read(offset, length, signal);
      },
    };
    return { ...plain, tensors: new Map([...plain.tensors].map(([name, entry]) => [name, { ...entry, source }])) };
  }

  async function expectFailure(loading: Promise<unknown>, code: string): Promise<void> {
    await expect(loading).rejects.toMatchObject({ code });
    expect(gpu.allocated).toEqual({ numBuffers: 0, bytes: 0 });
  }

  it('when aborted midway, and reads no further', async () => {
    const controller = new AbortController();
    let lastRead = 0;
    const checkpoint = await hooked((numReads) => {
      lastRead = numReads;
      if (numReads === 5) controller.abort();
    });
    const options = { windowBytes, signal: controller.signal };
    await expectFailure(loadWeights(gpu, checkpoint, specs, {}, options), 'aborted');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(lastRead).toBe(5);
  });

  it('when aborted before it starts, or by its own progress', async () => {
    const checkpoint = await openCheckpoint(sourceOf(tensors));
    const policy = {};
    await expectFailure(loadWeights(gpu, checkpoint, specs, policy, { signal: AbortSignal.abort() }), 'aborted');
    const controller = new AbortController();
    const onProgress = (loaded: number, total: number) => loaded === total && controller.abort();
    const { signal } = controller;
    await expectFailure(loadWeights(gpu, checkpoint, specs, policy, { signal, onProgress }), 'aborted');
  });

  it('when a read fails', async () => {
    const checkpoint = await hooked((numReads) => {
      if (numReads === 4) throw new PagemindError('source_unreachable', 'gone');
    });
    const loading = loadWeights(gpu, checkpoint, specs, {}, { windowBytes });
    await expectFailure(loading, 'source_unreachable');
  });

  it('when memory ends', async () => {
    const checkpoint = await openCheckpoint(sourceOf(tensors));
    const allocate = gpu.allocate.bind(gpu);
    let numAllocated = 0;
    gpu.allocate = (label, bytes, usage) => {
      if (++numAllocated === 4) throw new PagemindError('out_of_memory', `${label} does not fit`);
      return allocate(label, bytes, usage);
    };
    try {
      await expectFailure(loadWeights(gpu, checkpoint, specs, {}), 'out_of_memory');
    } finally {
      gpu.allocate = allocate;
    }
  });

  it('when the checkpoint does not fit the model', async () => {
    const { q: _, ...incomplete } = tensors;
    const checkpoint = await openCheckpoint(sourceOf(incomplete));
    await expectFailure(loadWeights(gpu, checkpoint, specs, {}), 'tensor_missing');
  });
});

describe('loadWeights streams', () => {
  it('200 MB with a bounded number of bytes in JavaScript', async () => {
    const numCols = 1024;
    const shapes: Record<string, readonly [SafetensorsDtype, number, number]> = { embed: ['BF16', 32_768, numCols] };
    for (let layer = 0; layer < 24; layer++) {
      shapes[`${layer}.w`] = ['BF16', 3072, numCols];
      shapes[`${layer}.norm`] = ['BF16', numCols, 1];
    }
    let numReads = 0;
    const source: ByteSource = {
      size: 0,
      async read(offset, length) {
        numReads++;
        return new Uint8Array(length).fill(offset & 0x3f);
      },
    };
    const tensors = new Map<string, TensorEntry>();
    let offset = 0;
    for (const [name, [dtype, ...shape]] of Object.entries(shapes)) {
      const length = shape[0] * shape[1] * 2;
      tensors.set(name, { dtype, shape, offset, length, source, file: 'generated' });
      offset += length;
    }
    expect(offset).toBeGreaterThan(200e6);
    const checkpoint: Checkpoint = {
      name: 'generated',
      config: {},
      generationConfig: undefined,
      tensors,
      readBytes: async () => undefined,
      readText: async () => undefined,
    };
    const wanted = Object.entries(shapes).map(([name, [, numRows]]): WeightSpec => {
      const pieces = [wholeTensor(name, numRows)];
      if (name.endsWith('norm')) return { kind: 'vector', name, length: numRows, pieces };
      return { kind: 'matrix', name, numRows, numCols, pieces, group: 'decoder' };
    });
    const weights = await loadWeights(gpu, checkpoint, wanted, {});
    expect(weights.peakHeldBytes).toBeLessThanOrEqual(2 * 8 * 2 ** 20);
    expect(weights.peakHeldBytes).toBeGreaterThan(8 * 2 ** 20);
    expect(numReads).toBe(8 + 24); // the embedding in windows, then a layer each: norms come along with their neighbours
    weights.destroy();
  });
});
