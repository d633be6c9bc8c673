// Packed copies in the cache: found once they are whole, gone with what they were made of, and never in the way of a model.
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { ModelSink } from '../load/sink.js';
import type { ModelSource, PackedCopies } from '../load/source.js';
import { bytesOf, differences, FILES, ID, NEEDED_BYTES, readAll, SIZES, withModelOf } from '../testing/hub-harness.js';
import { HubServer } from '../testing/hub-server.js';
import { MemoryModels } from '../testing/memory-models.js';
import { ModelCache } from './model-cache.js';

vi.setConfig({ testTimeout: 60_000 });

const INT4 = 'decoder int4-g64';
const PACKED = { 'model.safetensors': bytesOf(9000, 7), 'config.json': bytesOf(40, 8) };
const PACKED_BYTES = 9040;

let hub: HubServer;
let storage: MemoryModels;
let cache: ModelCache;

beforeAll(async () => {
  hub = await HubServer.start({});
});
afterAll(() => hub.close());
beforeEach(() => {
  storage = new MemoryModels();
  cache = new ModelCache(storage, SIZES);
  hub.models.set(ID, FILES);
  hub.commit = 'a'.repeat(40);
});

/** Opens the model, all of it downloaded. */
function withCopies<T>(use: (copies: PackedCopies) => Promise<T>, options: object = {}): Promise<T> {
  return withModelOf({ endpoint: hub.url, storage, ...options }, async (model) => {
    await model.settle();
    return use(model.copies as PackedCopies);
  });
}

async function fill(sink: ModelSink): Promise<void> {
  for (const [path, bytes] of Object.entries(PACKED)) await sink.write(path, bytes.slice() as Uint8Array<ArrayBuffer>);
}

const keep = (): Promise<void> => withCopies((copies) => copies.keep(INT4, PACKED_BYTES, fill));
const find = (options: object = {}): Promise<ModelSource | undefined> =>
  withCopies((copies) => copies.find(INT4), options);

it('are kept and found again, by their formats', async () => {
  await keep();
  expect(await withCopies((copies) => copies.find('decoder int4-g32'))).toBeUndefined();
  const copy = await find();
  expect(await copy?.list?.()).toEqual(Object.keys(PACKED));
  for (const [path, bytes] of Object.entries(PACKED)) {
    const file = await copy?.open(path);
    expect(await file?.read(0, file.size)).toEqual(bytes);
  }
});

it('are counted beside their model, and deleted with it', async () => {
  await keep();
  const counts = { cachedBytes: NEEDED_BYTES, totalBytes: NEEDED_BYTES, packedBytes: PACKED_BYTES, isComplete: true };
  expect(await cache.list()).toMatchObject([counts]);
  await cache.delete(ID);
  expect([await cache.list(), storage.usedBytes]).toEqual([[], 0]);
});

it('that are broken off leave nothing, and one that a page left half is not taken', async () => {
  const usedBefore = await withCopies(async () => storage.usedBytes);
  const broken = async (sink: ModelSink): Promise<void> => {
    await fill(sink);
    throw new Error('the GPU is gone');
  };
  await expect(withCopies((copies) => copies.keep(INT4, PACKED_BYTES, broken))).rejects.toThrow('the GPU is gone');
  expect([await find(), storage.usedBytes]).toEqual([undefined, usedBefore]);

  await withCopies(async (copies) => {
    let reached: () => void = () => {};
    const half = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const closed = async (sink: ModelSink): Promise<void> => {
      await fill(sink);
      reached();
      await new Promise(() => {});
    };
    void copies.keep(INT4, PACKED_BYTES, closed);
    await half;
  });
  // Others tidy up meanwhile, and count what is on its way.
  await cache.collect();
  expect(storage.usedBytes).toBe(usedBefore + PACKED_BYTES);
  expect(await cache.list()).toMatchObject([{ packedBytes: PACKED_BYTES }]);
  expect(await find()).toBeUndefined();
  await keep();
  expect(await find()).toBeDefined();
  expect(storage.usedBytes).toBe(usedBefore + PACKED_BYTES);
});

it('of which a piece is gone are not found, and can be dropped', async () => {
  await keep();
  const usedBefore = storage.usedBytes;
  const copy = [...storage.files].find(([, { files }]) => [...files.values()].some(({ length }) => length === 40));
  copy?.[1].files.clear();
  expect(await find()).toBeUndefined();
  await withCopies((copies) => copies.drop(INT4));
  expect(storage.usedBytes).toBe(usedBefore - PACKED_BYTES);
  expect(differences(await readAll({ endpoint: hub.url, storage }))).toEqual([]);
});

it('are not made where there is no room, and drive nobody out', async () => {
  hub.models.set('a/one', { 'config.json': bytesOf(10, 1), 'model.safetensors': bytesOf(9000, 2) });
  await readAllOf('a/one');
  await withCopies(async () => {});
  storage.quota = storage.usedBytes + PACKED_BYTES;
  await keep();
  expect(await find()).toBeUndefined();
  // Where the storage does not tell, it is tried.
  storage.tellsFreeBytes = false;
  storage.quota -= 1000;
  await expect(keep()).rejects.toMatchObject({ code: 'storage_full' });
  const kept = Object.fromEntries((await cache.list()).map(({ id, packedBytes }) => [id, packedBytes]));
  expect(kept).toEqual({ [ID]: 0, 'a/one': 0 });
});

it('go when the hub has another version, and stay when it only has another name', async () => {
  await keep();
  hub.commit = 'b'.repeat(40);
  expect(await find({ revalidate: true })).toBeDefined();
  hub.models.set(ID, { ...FILES, 'model.safetensors': bytesOf(21_346, 9) });
  expect(await find({ revalidate: true })).toBeUndefined();
  expect(await cache.list()).toMatchObject([{ packedBytes: 0 }]);
});

it('of a model that was deleted meanwhile are given up', async () => {
  const deleting = async (sink: ModelSink): Promise<void> => {
    await cache.remove({ id: ID, revision: undefined, weightsFile: undefined });
    await fill(sink);
  };
  const attempt = withCopies((copies) => copies.keep(INT4, PACKED_BYTES, deleting));
  await expect(attempt).rejects.toMatchObject({ code: 'model_not_found' });
  expect(storage.usedBytes).toBe(0);
});

function readAllOf(id: string): Promise<void> {
  return withModelOf({ endpoint: hub.url, storage, id }, (model) => model.settle());
}
