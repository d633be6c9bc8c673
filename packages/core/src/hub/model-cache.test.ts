// The cache of models: what is kept over a reload, what makes room for what, which versions are there, and getting one out.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytesOf,
  differences,
  FILES,
  ID,
  NEEDED,
  NEEDED_BYTES,
  type ReadOptions,
  readAll,
  SIZES,
  withModelOf,
} from '../testing/hub-harness.js';
import { HubServer } from '../testing/hub-server.js';
import { MemoryModels } from '../testing/memory-models.js';
import { ModelCache } from './model-cache.js';

const OTHERS = ['a/one', 'a/two', 'a/three'];

// Servers, files and hashes: on a busy machine a test takes a while.
vi.setConfig({ testTimeout: 60_000 });

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
  for (const [i, id] of OTHERS.entries()) {
    hub.models.set(id, { 'config.json': bytesOf(10, i + 10), 'model.safetensors': bytesOf(9000, i + 20) });
  }
  hub.requests.length = 0;
  hub.numBytesSent = 0;
  hub.commit = 'a'.repeat(40);
  hub.hasHashes = true;
  hub.fault = () => undefined;
  hub.listFault = () => undefined;
});

const read = (options: Partial<ReadOptions> = {}): ReturnType<typeof readAll> =>
  readAll({ endpoint: hub.url, storage, ...options });
const fetchOnly = (options: Partial<ReadOptions> = {}): Promise<void> =>
  withModelOf({ endpoint: hub.url, storage, ...options }, (model) => model.settle(options.signal));
const expectRight = (files: Readonly<Record<string, Uint8Array>>): void => expect(differences(files)).toEqual([]);
const fileRequests = (): readonly string[] => hub.requests.filter((line) => !line.startsWith('/api'));

/** Downloads until so many pieces are stored, and leaves. */
async function leaveAfter(numPieces: number): Promise<void> {
  const controller = new AbortController();
  const onProgress = (): void => {
    const numStored = [...storage.files.values()].reduce((sum, { files }) => sum + files.size, 0);
    if (numStored >= numPieces) controller.abort();
  };
  let time = 0;
  const now = (): number => {
    time += 1000;
    return time;
  };
  await expect(fetchOnly({ numConnections: 1, signal: controller.signal, onProgress, now })).rejects.toMatchObject({
    code: 'aborted',
  });
}

function cutPieces(): void {
  for (const { files } of storage.files.values()) for (const [name, bytes] of files) files.set(name, bytes.slice(1));
}

describe('a download that was left', () => {
  it('goes on later with what is missing', async () => {
    await leaveAfter(4);
    const [model] = await cache.list();
    expect(model).toMatchObject({ id: ID, isComplete: false, totalBytes: NEEDED_BYTES });
    const { cachedBytes = 0 } = model ?? {};
    expect(cachedBytes).toBeGreaterThan(3000);
    hub.numBytesSent = 0;
    expectRight(await read());
    expect(hub.numBytesSent).toBe(NEEDED_BYTES - cachedBytes);
    expect(await cache.list()).toMatchObject([{ isComplete: true, cachedBytes: NEEDED_BYTES, commit: hub.commit }]);
  });

  it('begins again where nothing can tell two versions apart', async () => {
    hub.hasHashes = false;
    await leaveAfter(4);
    hub.models.set(ID, { ...FILES, 'model.safetensors': bytesOf(21_345, 99) });
    expect(differences(await read(), hub.models.get(ID))).toEqual([]);
  });

  it('goes on after a piece was damaged on the disk', async () => {
    await leaveAfter(4);
    for (const { files } of storage.files.values()) {
      for (const [name, bytes] of files) files.set(name, bytes.with(0, (bytes[0] ?? 0) ^ 1));
    }
    expectRight(await read());
  });

  it('goes on after pieces were cut on the disk', async () => {
    await leaveAfter(4);
    cutPieces();
    expectRight(await read());
  });
});

describe('a model in the cache', () => {
  it('is read without a request, whatever its hub says', async () => {
    await fetchOnly();
    hub.models.delete(ID);
    hub.requests.length = 0;
    expectRight(await read());
    expect(hub.requests).toEqual([]);
  });

  it('is downloaded by one at a time', async () => {
    const results = await Promise.all([read(), read(), read()]);
    for (const result of results) expectRight(result);
    expect(hub.numBytesSent).toBe(NEEDED_BYTES);
  });

  it('is fetched again as far as it is gone', async () => {
    await fetchOnly();
    for (const { files } of storage.files.values())
      for (const name of files.keys()) if (name !== '0-7') files.delete(name);
    hub.numBytesSent = 0;
    expectRight(await read());
    expect(hub.numBytesSent).toBe(NEEDED_BYTES - 7);
  });

  it('is fetched again when pieces of it are cut', async () => {
    await fetchOnly();
    cutPieces();
    expectRight(await read());
    expect(await cache.list()).toMatchObject([{ isComplete: true, cachedBytes: NEEDED_BYTES }]);
  });

  it('is renewed when that is asked for, with what has changed', async () => {
    await fetchOnly();
    const files = { ...FILES, 'config.json': bytesOf(12, 77) };
    hub.models.set(ID, files);
    hub.commit = 'b'.repeat(40);
    expectRight(await read());
    hub.numBytesSent = 0;
    expect(differences(await read({ revalidate: true }), files)).toEqual([]);
    expect(hub.numBytesSent).toBe(12);
    expect(storage.files.size).toBe(NEEDED.length);
    expect(await cache.list()).toMatchObject([{ commit: hub.commit, cachedBytes: NEEDED_BYTES + 5 }]);
  });

  it('stays when it was to be renewed and nobody answers', async () => {
    await fetchOnly();
    hub.listFault = () => ({ kind: 'status', status: 503 });
    expectRight(await read({ revalidate: true }));
  });

  it('stays when its newer version cannot be had', async () => {
    await fetchOnly();
    hub.models.set(ID, { ...FILES, 'model.safetensors': bytesOf(12_000, 77) });
    hub.fault = () => ({ kind: 'status', status: 500 });
    await expect(read({ revalidate: true })).rejects.toMatchObject({ code: 'source_unreachable' });
    expectRight(await read());
  });

  it('is kept in each revision that was asked for', async () => {
    await fetchOnly();
    await fetchOnly({ revision: 'v1.0' });
    expect(hub.numBytesSent).toBe(NEEDED_BYTES);
    expect((await cache.list()).map(({ revision }) => revision).sort()).toEqual(['v1.0', undefined]);
    await cache.delete(ID);
    expect([await cache.list(), storage.usedBytes]).toEqual([[], 0]);
  });

  it('can be written elsewhere', async () => {
    await fetchOnly();
    const written: Record<string, Uint8Array> = {};
    await cache.export(ID, {
      write: async (path, blocks) => {
        const all: Uint8Array<ArrayBuffer>[] = [];
        for await (const block of blocks) all.push(block);
        written[path] = new Uint8Array(await new Blob(all).arrayBuffer());
      },
    });
    expectRight(written);
    await expect(cache.export('a/one', { write: async () => {} })).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('is not there any more once its entry is damaged', async () => {
    await fetchOnly();
    for (const [name, bytes] of storage.index.files) storage.index.files.set(name, bytes.with(60, 0));
    expect(await cache.list()).toEqual([]);
    hub.numBytesSent = 0;
    expectRight(await read());
    expect(hub.numBytesSent).toBe(0); // its pieces were still there
  });
});

describe('room', () => {
  const fill = async (): Promise<void> => {
    for (const id of OTHERS) {
      await fetchOnly({ id });
      await new Promise((resolve) => setTimeout(resolve, 2)); // times of use differ
    }
  };
  const ids = async (): Promise<readonly string[]> => (await cache.list()).map(({ id }) => id);

  it.each([true, false])('is made by what was not used for longest (told beforehand: %s)', async (tells) => {
    await fill();
    await fetchOnly({ id: 'a/one' });
    storage.tellsFreeBytes = tells;
    storage.quota = storage.usedBytes + NEEDED_BYTES - 9500;
    expectRight(await read());
    expect([...(await ids())].sort()).toEqual(['a/one', ID].sort());
  });

  it('is not made when it would not do', async () => {
    await fill();
    storage.quota = NEEDED_BYTES - 1;
    await expect(read()).rejects.toMatchObject({ code: 'storage_full', message: /needs 0\.0 MB of storage/ });
    expect(fileRequests().filter((line) => line.startsWith('tokenizer'))).toEqual([]);
    expect([...(await ids())].sort()).toEqual([...OTHERS].sort());
  });

  it('that runs out on the way is an error, and what came stays', async () => {
    storage.tellsFreeBytes = false;
    storage.quota = 12_000;
    // A machine that is busy is not taken for a connection that stalls, so that nothing is asked for twice.
    const http = { stallTimeoutMs: 60_000 };
    await expect(read({ http })).rejects.toMatchObject({ code: 'storage_full' });
    expect(storage.usedBytes).toBeGreaterThan(6000);
    storage.quota = Number.POSITIVE_INFINITY;
    hub.numBytesSent = 0;
    expectRight(await read({ http }));
    expect(hub.numBytesSent).toBeLessThan(NEEDED_BYTES - 6000);
  });
});

it('holds no more than its connections and one part of a file', async () => {
  const size = 2 ** 20;
  hub.models.set(ID, { 'config.json': bytesOf(10, 1), 'model.safetensors': bytesOf(size, 2) });
  const sizes = { headBytes: 2 ** 13, pieceBytes: 2 ** 17 };
  const peak = await withModelOf({ endpoint: hub.url, storage, sizes, numConnections: 2 }, async (model) => {
    await model.settle();
    return model.held.peak;
  });
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThanOrEqual(3 * 2 ** 17);
});
