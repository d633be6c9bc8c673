// Packed checkpoints on a device: their buffers are those of the original, without a single dispatch, and a failure leaves
// nothing behind.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import { readBuffer } from '../gpu/read-buffer.js';
import { BufferUsage } from '../gpu/usage.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import { type PackedWeight, planeBytesOf } from './packed-format.js';
import { PackedWriter } from './packed-writer.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import { type LoadedWeights, type LoadOptions, loadWeights } from './weight-loader.js';
import { type WeightPolicy, type WeightSpec, wholeTensor } from './weights.js';

const specs: readonly WeightSpec[] = [
  { kind: 'matrix', name: 'embed', numRows: 37, numCols: 70, pieces: [wholeTensor('embed', 37)], group: 'embedding' },
  {
    kind: 'matrix',
    name: 'qkv',
    numRows: 9,
    numCols: 70,
    pieces: [wholeTensor('q', 5), wholeTensor('k', 4, 5)],
    group: 'decoder',
  },
  { kind: 'vector', name: 'norm', length: 70, pieces: [wholeTensor('norm', 70)] },
];

const policy: WeightPolicy = {
  decoder: { format: 'int4', groupSize: 64, hasZeros: true },
  embedding: { format: 'int4', groupSize: 32, hasZeros: false },
};

function tensor(seed: number, ...shape: number[]): TensorData {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898 + seed));
  return { dtype: 'F32', shape, data: new Uint8Array(values.buffer) };
}

const original = writeSafetensors({
  embed: tensor(1, 37, 70),
  q: tensor(2, 5, 70),
  k: tensor(3, 4, 70),
  norm: tensor(4, 70),
});

/** Small, so that planes are cut and loading takes several reads. */
const [MAX_SHARD_BYTES, CHUNK_BYTES] = [4096, 512];

let gpu: GpuContext;
let dawn: GPU; // kept: its devices die with it
let staging: GPUBuffer;

beforeAll(async () => {
  dawn = create([]) as unknown as GPU;
  gpu = await GpuContext.open(dawn);
  staging = await gpu.allocate('staging', 256, BufferUsage.mapRead | BufferUsage.copyDst);
});
afterAll(() => gpu.dispose());

const open = (files: Record<string, Uint8Array | string>): Promise<Checkpoint> =>
  openCheckpoint(memorySource({ 'config.json': '{}', ...files }));

const load = async (files: Record<string, Uint8Array | string>, options: LoadOptions = {}): Promise<LoadedWeights> =>
  loadWeights(gpu, await open(files), specs, policy, options);

function tableOf({ matrices, vectors }: LoadedWeights): ReadonlyMap<string, PackedWeight> {
  return new Map<string, PackedWeight>([
    ...Array.from(matrices, ([name, { options, numRows, numCols }]): [string, PackedWeight] => [
      name,
      { kind: 'matrix', options, numRows, numCols },
    ]),
    ...Array.from(vectors, ([name, { length }]): [string, PackedWeight] => [name, { kind: 'vector', length }]),
  ]);
}

async function planeOf({ matrices, vectors }: LoadedWeights, name: string, plane: string, into: Uint8Array, start = 0) {
  const buffer = matrices.get(name)?.planes[plane] ?? vectors.get(name)?.buffer;
  await readBuffer(gpu, staging, buffer as GPUBuffer, start, into);
  return into;
}

async function pack(weights: LoadedWeights): Promise<Record<string, Uint8Array | string>> {
  const writer = new PackedWriter(tableOf(weights), 'F32', MAX_SHARD_BYTES, CHUNK_BYTES);
  const files: Record<string, Uint8Array | string> = {};
  for (const shard of writer.shards) {
    files[shard.path] = await writer.file(shard, async ({ weight, plane, start }, into) => {
      await planeOf(weights, weight, plane, into, start);
    });
  }
  return { ...files, 'model.safetensors.index.json': writer.index() ?? '' };
}

describe('loadWeights of a packed checkpoint', () => {
  it('fills the same buffers without a dispatch', async () => {
    const wanted = await load({ 'model.safetensors': original });
    const files = await pack(wanted);
    const progress: number[] = [];
    const before = gpu.counters.dispatches;
    const weights = await load(files, { onProgress: (loaded) => progress.push(loaded) });
    expect(gpu.counters.dispatches - before).toBe(0);
    expect(tableOf(weights)).toEqual(tableOf(wanted));
    for (const [name, weight] of tableOf(wanted)) {
      for (const [plane, bytes] of Object.entries(planeBytesOf(weight))) {
        const was = await planeOf(wanted, name, plane, new Uint8Array(bytes));
        expect(await planeOf(weights, name, plane, new Uint8Array(bytes)), `${name}/${plane}`).toEqual(was);
      }
    }
    expect(weights.bytes).toBe(wanted.bytes);
    expect(progress[0]).toBe(0);
    expect(progress.length).toBeGreaterThan(4);
    expect(progress.at(-1)).toBe(weights.bytes);
    expect(weights.peakHeldBytes).toBeLessThanOrEqual(2 * CHUNK_BYTES);
    for (const each of [wanted, weights]) each.destroy();
    expect(gpu.allocated.numBuffers).toBe(1); // the staging buffer
  });
});

describe('loadWeights of a packed checkpoint leaves nothing behind', () => {
  let files: Record<string, Uint8Array | string>;
  let last: string;

  beforeAll(async () => {
    const weights = await load({ 'model.safetensors': original });
    files = await pack(weights);
    last =
      Object.keys(files)
        .filter((path) => path.endsWith('.safetensors'))
        .at(-1) ?? '';
    weights.destroy();
  });

  async function expectFailure(loading: Promise<unknown>, code: string): Promise<void> {
    await expect(loading).rejects.toMatchObject({ code });
    expect(gpu.allocated.numBuffers).toBe(1);
  }

  it('when a byte is damaged', async () => {
    const damaged = Uint8Array.from(files[last] as Uint8Array);
    const at = damaged.length - 1;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expectFailure(load({ ...files, [last]: damaged }), 'file_malformed');
  });

  it('when aborted midway', async () => {
    const controller = new AbortController();
    const onProgress = (loaded: number) => loaded > 0 && controller.abort();
    await expectFailure(load(files, { signal: controller.signal, onProgress }), 'aborted');
  });

  it('when it was packed in another format', async () => {
    const checkpoint = await open(files);
    const other: WeightPolicy = { decoder: { format: 'int4', groupSize: 32, hasZeros: true } };
    await expectFailure(loadWeights(gpu, checkpoint, specs, other), 'invalid_option');
  });

  it('when it belongs to another model', async () => {
    const checkpoint = await open(files);
    await expectFailure(loadWeights(gpu, checkpoint, specs.slice(1), policy), 'tensor_unexpected');
  });
});
