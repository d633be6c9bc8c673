// Models of hubs on disk, by the public names of the entry point for Node: fetched, listed, exported, deleted; and locks that
// outlive neither their holder nor its process.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deleteCached, downloadModel, exportModel, listCached, loadTokenizer } from '../node.js';
import { differences, FILES, ID, NEEDED, NEEDED_BYTES } from '../testing/hub-harness.js';
import { HubServer } from '../testing/hub-server.js';
import { defaultCacheFolder, diskModels } from './node-models.js';

// Servers, files and hashes: on a busy machine a test takes a while.
vi.setConfig({ testTimeout: 60_000 });

let hub: HubServer;
let cacheDir: string;

beforeAll(async () => {
  hub = await HubServer.start({ [ID]: FILES });
});
afterAll(() => hub.close());
beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'pagemind-models-'));
  hub.requests.length = 0;
});
afterEach(() => rmSync(cacheDir, { recursive: true }));

describe('a model', () => {
  it('is fetched, listed, written elsewhere and deleted', async () => {
    expect(await listCached({ cacheDir })).toEqual([]);
    await downloadModel(ID, { endpoint: hub.url, cacheDir });
    expect(await listCached({ cacheDir })).toMatchObject([
      { id: ID, isComplete: true, totalBytes: NEEDED_BYTES, cachedBytes: NEEDED_BYTES, commit: hub.commit },
    ]);
    const out = join(cacheDir, 'made', 'when', 'needed');
    await exportModel(ID, out, { cacheDir });
    expect(differences(Object.fromEntries(NEEDED.map((path) => [path, readFileSync(join(out, path))])))).toEqual([]);
    await deleteCached(ID, { cacheDir });
    expect(await listCached({ cacheDir })).toEqual([]);
    expect(readdirSync(join(cacheDir, 'models/files'))).toEqual([]);
  });

  it('is fetched by one of two, and read by both', async () => {
    await Promise.all([1, 2].map(() => downloadModel(ID, { endpoint: hub.url, cacheDir })));
    expect(hub.requests.filter((line) => line.startsWith('model.safetensors'))).toHaveLength(1);
    expect(readdirSync(join(cacheDir, 'models/locks'))).toEqual([]);
  });

  it('is a hub’s by its name, unless there is such a folder', async () => {
    const loading = loadTokenizer(ID, undefined, { endpoint: hub.url, cacheDir });
    await expect(loading).rejects.toMatchObject({ code: 'file_malformed', message: /tokenizer\.json/ });
    expect(hub.requests.length).toBeGreaterThan(0);
    hub.requests.length = 0;
    await expect(loadTokenizer('packages/core', undefined, { endpoint: hub.url, cacheDir })).rejects.toMatchObject({
      code: 'file_missing',
    });
    expect(hub.requests).toEqual([]);
  });
});

describe('a lock', () => {
  const path = (): string => join(cacheDir, 'models/locks', encodeURIComponent(ID));
  const leave = (holder: string): void => {
    mkdirSync(join(cacheDir, 'models/locks'), { recursive: true });
    writeFileSync(path(), holder);
  };

  it('is held by one at a time', async () => {
    const storage = diskModels(cacheDir);
    const release = await storage.lock(ID);
    const order: string[] = [];
    const second = storage.lock(ID).then((free) => {
      order.push('second');
      return free();
    });
    await expect(storage.lock(ID, AbortSignal.timeout(20))).rejects.toMatchObject({ code: 'aborted' });
    order.push('first');
    await release();
    await second;
    expect([order, existsSync(path())]).toEqual([['first', 'second'], false]);
  });

  it.each([
    ['whose process has ended', () => `999999999 ${hostname()}`, 0],
    ['that nobody has touched for long', () => `${process.pid} another-machine`, 3600],
    ['of this process, from before a restart', () => `${process.pid} ${hostname()}`, 3600],
  ])('%s is taken', async (_, holder, age) => {
    leave(holder());
    const time = Date.now() / 1000 - age;
    utimesSync(path(), time, time);
    await (await diskModels(cacheDir).lock(ID))();
    expect(existsSync(path())).toBe(false);
  });
});

it.each<[NodeJS.ProcessEnv, NodeJS.Platform, RegExp]>([
  [{ PAGEMIND_CACHE_DIR: '/some/place' }, 'linux', /^\/some\/place$/],
  [{ XDG_CACHE_HOME: '/xdg' }, 'linux', /^\/xdg\/pagemind$/],
  [{}, 'linux', /\/\.cache\/pagemind$/],
  [{}, 'darwin', /Library\/Caches\/pagemind$/],
  [{ LOCALAPPDATA: '/local' }, 'win32', /^\/local\/pagemind\/cache$/],
])('the cache of %o on %s is at %s', (environment, platform, place) => {
  expect(defaultCacheFolder(environment, platform)).toMatch(place);
});
