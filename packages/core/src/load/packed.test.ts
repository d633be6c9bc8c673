// Packed checkpoints without a GPU: what is written is found again byte for byte, and what does not fit is refused.
import type { WeightFormatOptions } from '@pagemind/quant';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { type Checkpoint, matrixDtype, openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import { type PackedWeight, type PackedWeights, planeBytesOf } from './packed-format.js';
import { planPacked } from './packed-plan.js';
import { PackedWriter } from './packed-writer.js';
import type { SafetensorsDtype } from './safetensors.js';
import { safetensorsHeader } from './safetensors-writer.js';
import { sha256 } from './sha256.js';
import { weightBytes } from './weight-loader.js';
import type { MatrixSpec, WeightSpec } from './weights.js';

const f32: WeightFormatOptions = { format: 'f32', groupSize: 0, hasZeros: false };
const int4: WeightFormatOptions = { format: 'int4', groupSize: 64, hasZeros: true };

const weights: ReadonlyMap<string, PackedWeight> = new Map<string, PackedWeight>([
  ['embedding', { kind: 'matrix', options: f32, numRows: 50, numCols: 70 }],
  ['qkv', { kind: 'matrix', options: int4, numRows: 13, numCols: 130 }],
  ['norm', { kind: 'vector', length: 33 }],
  ['newline', { kind: 'vector', length: 32 }],
]);

/** The specs of a model that wants just these weights. */
function specsOf(all: ReadonlyMap<string, PackedWeight>): WeightSpec[] {
  return Array.from(all, ([name, weight]): WeightSpec => {
    if (weight.kind === 'vector') return { kind: 'vector', name, length: weight.length, pieces: [] };
    const { kind, numRows, numCols, options } = weight;
    return { kind, name, numRows, numCols, pieces: [], group: options.format === 'int4' ? 'decoder' : 'embedding' };
  });
}

/** Made-up bytes of a plane. */
function planeOf(name: string, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8) + name.length * 7) & 255);
}

interface Sizes {
  readonly maxShardBytes?: number;
  readonly chunkBytes?: number;
}

async function filesOf(
  all: ReadonlyMap<string, PackedWeight>,
  { maxShardBytes, chunkBytes }: Sizes = {},
): Promise<Record<string, Uint8Array | string>> {
  const writer = new PackedWriter(all, 'BF16', maxShardBytes, chunkBytes);
  const files: Record<string, Uint8Array | string> = { 'config.json': '{}' };
  for (const shard of writer.shards) {
    files[shard.path] = await writer.file(shard, async ({ weight, plane, start, length }, into) => {
      into.set(planeOf(`${weight}/${plane}`, start + length).subarray(start));
    });
  }
  const index = writer.index();
  return index === undefined ? files : { ...files, 'model.safetensors.index.json': index };
}

async function open(files: Record<string, Uint8Array | string>): Promise<Checkpoint & { packed: PackedWeights }> {
  const checkpoint = await openCheckpoint(memorySource(files));
  expect(checkpoint.packed).toBeDefined();
  return checkpoint as Checkpoint & { packed: PackedWeights };
}

describe('a packed checkpoint', () => {
  it('is one file where that is enough, and says what was packed', async () => {
    const files = await filesOf(weights);
    expect(Object.keys(files)).toEqual(['config.json', 'model.safetensors']);
    const checkpoint = await open(files);
    expect(checkpoint.packed.weights).toEqual(weights);
    expect(matrixDtype(checkpoint)).toBe('BF16');
    expect([...checkpoint.tensors.keys()]).toEqual([
      ...['embedding/weight', 'qkv/weight', 'qkv/scales', 'qkv/zeros', 'norm/vector', 'newline/vector'],
    ]);
    const bytes = [...weights.values()].flatMap((weight) => Object.values(planeBytesOf(weight)));
    const total = bytes.reduce((sum, size) => sum + size, 0);
    expect(weightBytes(specsOf(weights), checkpoint, {})).toBe(total);
    expect(planPacked(checkpoint, checkpoint.packed, specsOf(weights), {}).readBytes).toBe(total);
  });

  it('brings every byte where it was, whatever the sizes of files and chunks', async () => {
    const sizes = { maxShardBytes: fc.integer({ min: 3000, max: 30_000 }), chunk: fc.integer({ min: 64, max: 4000 }) };
    await fc.assert(
      fc.asyncProperty(fc.record(sizes), async ({ maxShardBytes, chunk }) => {
        const files = await filesOf(weights, { maxShardBytes, chunkBytes: chunk * 4 });
        const shards = Object.values(files).filter((file) => typeof file !== 'string');
        for (const { length } of shards) expect(length).toBeLessThanOrEqual(maxShardBytes);
        const checkpoint = await open(files);
        const plan = planPacked(checkpoint, checkpoint.packed, specsOf(weights), {});
        const planes = new Map<string, Uint8Array>();
        for (const { spec, buffers } of plan.weights) {
          for (const [plane, bytes] of Object.entries(buffers)) {
            planes.set(`${spec.name}/${plane}`, new Uint8Array(bytes));
          }
        }
        let numCopied = 0;
        for (const { source, offset, length, sha256: hash, copies } of plan.reads) {
          expect(length).toBeLessThanOrEqual(chunk * 4);
          const bytes = await source.read(offset, length);
          expect(await sha256(bytes)).toBe(hash);
          for (const { weight, plane, from, to, length: count } of copies) {
            expect((from | to | count) % 4).toBe(0);
            planes.get(`${weight.spec.name}/${plane}`)?.set(bytes.subarray(from, from + count), to);
            numCopied += count;
          }
        }
        expect(numCopied).toBe(plan.deviceBytes);
        for (const [name, bytes] of planes) {
          const wanted = planeOf(name, bytes.length);
          expect(bytes.every((byte, i) => byte === wanted[i])).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });
});

it('a packed matrix that one buffer cannot hold goes into several', async () => {
  const stack: PackedWeight = { kind: 'matrix', options: int4, numRows: 5 * 8, numCols: 130 };
  const checkpoint = await open(await filesOf(new Map([['experts', stack]]), { chunkBytes: 500 }));
  const [spec] = specsOf(new Map([['experts', stack]]));
  const maxBufferBytes = 2 * 8 * 5 * 16;
  const plan = planPacked(
    checkpoint,
    checkpoint.packed,
    [{ ...(spec as MatrixSpec), unitRows: 8 }],
    {},
    maxBufferBytes,
  );
  expect(plan.weights.map(({ spec: part }) => part.kind === 'matrix' && [part.name, part.numRows])).toEqual([
    ['experts.0', 16],
    ['experts.1', 16],
    ['experts.2', 8],
  ]);
  const buffers = new Map(plan.weights.map((weight) => [weight as unknown, mapValues(weight.buffers, zeros)]));
  for (const { source, offset, length, copies } of plan.reads) {
    const bytes = await source.read(offset, length);
    for (const { weight, plane, from, to, length: count } of copies) {
      buffers.get(weight)?.[plane]?.set(bytes.subarray(from, from + count), to);
    }
  }
  for (const [plane, bytes] of Object.entries(planeBytesOf(stack))) {
    const joined = [...buffers.values()].flatMap((planes) => Array.from(planes[plane] ?? []));
    expect(joined).toEqual(Array.from(planeOf(`experts/${plane}`, bytes)));
  }
});

const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes);

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

describe('a packed checkpoint is refused', () => {
  const change = (name: string, changes: Partial<Record<string, unknown>>): WeightSpec[] =>
    specsOf(weights).map((spec) => (spec.name === name ? ({ ...spec, ...changes } as WeightSpec) : spec));

  it.each<[string, WeightSpec[], string, RegExp]>([
    [
      'more rows',
      change('qkv', { numRows: 14 }),
      'tensor_mismatch',
      /qkv is a matrix of 13 × 130, expected .* 14 × 130/,
    ],
    ['fewer columns', change('embedding', { numCols: 64 }), 'tensor_mismatch', /50 × 70/],
    ['a longer vector', change('norm', { length: 34 }), 'tensor_mismatch', /norm is a vector of 33/],
    ['a vector', change('qkv', { kind: 'vector', length: 13 }), 'tensor_mismatch', /qkv is a matrix/],
    ['another weight', change('norm', { name: 'norms' }), 'tensor_missing', /norms/],
    ['one weight less', specsOf(weights).slice(1), 'tensor_unexpected', /embedding\/weight/],
  ])('when the model wants %s', async (_, specs, code, message) => {
    const checkpoint = await open(await filesOf(weights));
    const planning = () => planPacked(checkpoint, checkpoint.packed, specs, {});
    expect(planning).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  it('when another format is asked for, but not when it is the stored one', async () => {
    const checkpoint = await open(await filesOf(weights));
    const plan = (options: WeightFormatOptions) =>
      planPacked(checkpoint, checkpoint.packed, specsOf(weights), { decoder: options });
    expect(plan(int4).weights).toHaveLength(4);
    expect(() => plan({ ...int4, groupSize: 32 })).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(/qkv.*int4-g64.*int4-g32/) }),
    );
  });

  it('when a buffer is larger than the device can bind', async () => {
    const checkpoint = await open(await filesOf(weights));
    const planning = () => planPacked(checkpoint, checkpoint.packed, specsOf(weights), {}, 4096);
    expect(planning).toThrow(expect.objectContaining({ code: 'unsupported_model' }));
  });

  it.each<[string, (header: Header) => void, string, RegExp]>([
    ['its version', ({ __metadata__: m }) => Object.assign(m, { version: '2' }), 'unsupported_format', /version "2"/],
    ['its dtype', ({ __metadata__: m }) => Object.assign(m, { dtype: 'I8' }), 'file_malformed', /dtype/],
    [
      'chunks of no bytes',
      ({ __metadata__: m }) => Object.assign(m, { chunkBytes: '0' }),
      'file_malformed',
      /chunkBytes/,
    ],
    ['huge chunks', ({ __metadata__: m }) => Object.assign(m, { chunkBytes: '1e9' }), 'file_malformed', /chunkBytes/],
    ['no hashes', ({ __metadata__: m }) => Object.assign(m, { sha256: '' }), 'file_malformed', /1 hashes/],
    ['a short hash', ({ __metadata__: m }) => Object.assign(m, { sha256: 'ab' }), 'file_malformed', /hashes/],
    ['no table', ({ __metadata__: m }) => Object.assign(m, { weights: '[]' }), 'file_malformed', /table of weights/],
    ['an unknown format', editTable('"int4"', '"int3"'), 'file_malformed', /"qkv" is described/],
    ['a group size that no kernel has', editTable('64', '48'), 'file_malformed', /"qkv" is described/],
    ['negative rows', editTable('13', '-13'), 'file_malformed', /"qkv" is described/],
    ['other rows in the table', editTable('13', '16'), 'tensor_mismatch', /16 × 130/],
    ['no such weight in the table', editTable('qkv', 'qk'), 'tensor_missing', /qkv/],
    ['no such plane', renameTensor('qkv/zeros', 'qkv/ones'), 'tensor_missing', /qkv\/zeros/],
    ['a part of a plane', renameTensor('qkv/zeros', 'qkv/zeros/1'), 'tensor_missing', /qkv\/zeros/],
    [
      'a plane of another dtype',
      ({ 'qkv/zeros': t }) => Object.assign(t ?? {}, { dtype: 'F32' }),
      'tensor_mismatch',
      /F32/,
    ],
  ])('when the header has %s', async (_, edit, code, message) => {
    const { 'model.safetensors': file } = await filesOf(weights);
    const model = withHeader(file as Uint8Array, edit);
    await expect(load({ 'config.json': '{}', 'model.safetensors': model })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('when a plane has other bytes than its rows need', async () => {
    const { 'model.safetensors': file } = await filesOf(weights);
    const model = withHeader(file as Uint8Array, editTable('13', '17'));
    const loading = load({ 'config.json': '{}', 'model.safetensors': model }, change('qkv', { numRows: 17 }));
    await expect(loading).rejects.toMatchObject({ code: 'tensor_mismatch', message: expect.stringMatching(/bytes/) });
  });

  it('when its files do not belong together', async () => {
    const files = await filesOf(weights, { maxShardBytes: 8000 });
    const [first = '', second = ''] = Object.keys(files).filter((path) => path.endsWith('.safetensors'));
    const replace = (path: string, edit: (header: Header) => void) =>
      load({ ...files, [path]: withHeader(files[path] as Uint8Array, edit) });
    await load(files);
    const malformed = { code: 'file_malformed' };
    const plain = ({ __metadata__: m }: Header) => Object.assign(m, { format: 'pt' });
    await expect(replace(second, plain)).rejects.toMatchObject(malformed);
    const otherDtype = ({ __metadata__: m }: Header) => Object.assign(m, { dtype: 'F32' });
    await expect(replace(second, otherDtype)).rejects.toMatchObject(malformed);
    await expect(replace(first, editTable('50', '51'))).rejects.toMatchObject(malformed);
  });

  it('or loads, but fails in no other way, whatever the metadata says', async () => {
    const { 'model.safetensors': file } = await filesOf(weights);
    const texts = [
      '',
      '-1',
      '1e999',
      'null',
      '[]',
      '{}',
      '"F32"',
      '__proto__',
      '\\',
      '64',
      'vector',
      ' ',
      '9'.repeat(20),
    ];
    const mutation = fc.record({
      key: fc.constantFrom('format', 'version', 'dtype', 'chunkBytes', 'sha256', 'weights', 'weights'),
      at: fc.nat(600),
      remove: fc.nat(12),
      insert: fc.constantFrom(...texts),
    });
    const codes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const model = withHeader(file as Uint8Array, ({ __metadata__: metadata }) => {
          for (const { key, at, remove, insert } of mutations) {
            const text = metadata[key] ?? '';
            const start = at % (text.length + 1);
            metadata[key] = text.slice(0, start) + insert + text.slice(start + remove);
          }
        });
        try {
          await load({ 'config.json': '{}', 'model.safetensors': model });
          codes.add('loads');
        } catch (error) {
          expect(error).toBeInstanceOf(PagemindError);
          codes.add((error as PagemindError).code);
        }
      }),
      { numRuns: 1000 },
    );
    expect(codes).not.toContain('internal');
    expect(codes.size).toBeGreaterThan(3);
  });
});

/** Opens and plans, which is all but the copying. */
async function load(files: Record<string, Uint8Array | string>, specs = specsOf(weights)): Promise<void> {
  const checkpoint = await openCheckpoint(memorySource(files));
  if (checkpoint.packed) planPacked(checkpoint, checkpoint.packed, specs, {});
  else throw new PagemindError('tensor_missing', 'a model knows none of these tensors');
}

interface HeaderTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

type Header = { __metadata__: Record<string, string> } & Record<string, HeaderTensor | undefined>;

/** The file with its header passing through `edit`. */
function withHeader(file: Uint8Array, edit: (header: Header) => void): Uint8Array {
  const dataStart = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, dataStart))) as Header;
  edit(header);
  const { __metadata__: metadata, ...tensors } = header;
  const entries = Object.entries(tensors as Record<string, HeaderTensor>).map(([name, { data_offsets, ...tensor }]) => {
    const [start, end] = data_offsets;
    return { name, ...tensor, length: end - start };
  });
  const before = safetensorsHeader(entries, metadata);
  const edited = new Uint8Array(before.length + file.length - dataStart);
  edited.set(before);
  edited.set(file.subarray(dataStart), before.length);
  return edited;
}

/** Replaces a text in the table of weights. */
function editTable(from: string, to: string): (header: Header) => void {
  return ({ __metadata__: metadata }) => {
    metadata['weights'] = (metadata['weights'] ?? '').replace(from, to);
  };
}

function renameTensor(from: string, to: string): (header: Header) => void {
  return (header) => {
    header[to] = header[from];
    delete header[from];
  };
}
