// Models of a hub against a local server that behaves and misbehaves: what is read is right, or an error says why not; the
// cache never holds anything else; and what is in it is not fetched again.
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PagemindError } from '../errors.js';
import {
  differences,
  FILES,
  ID,
  NEEDED_BYTES,
  type ReadOptions,
  readAll,
  withModelOf,
} from '../testing/hub-harness.js';
import { type Fault, HubServer } from '../testing/hub-server.js';
import { MemoryModels } from '../testing/memory-models.js';
import type { DownloadProgress } from './open-model.js';

// Servers, files and hashes: on a busy machine a test takes a while.
vi.setConfig({ testTimeout: 60_000 });

let hub: HubServer;
let storage: MemoryModels;

beforeAll(async () => {
  hub = await HubServer.start({ [ID]: FILES });
});
afterAll(() => hub.close());
beforeEach(() => {
  storage = new MemoryModels();
  hub.models.set(ID, FILES);
  hub.requests.length = 0;
  hub.numBytesSent = 0;
  hub.hasHashes = true;
  hub.pageSize = 1000;
  hub.fault = () => undefined;
  hub.listFault = () => undefined;
});

const read = (options: Partial<ReadOptions> = {}): ReturnType<typeof readAll> =>
  readAll({ endpoint: hub.url, storage, ...options });

const expectRight = (files: Readonly<Record<string, Uint8Array>>): void => expect(differences(files)).toEqual([]);

/** A schedule of faults for the first answers. */
function faults(list: readonly (Fault | undefined)[]): () => Fault | undefined {
  const left = [...list];
  return () => left.shift();
}

describe('a hub that behaves', () => {
  it('gives the needed files, each byte once, and none when they are in the cache', async () => {
    expectRight(await read());
    expect(hub.numBytesSent).toBe(NEEDED_BYTES);
    expect(hub.requests.filter((line) => line.startsWith('/api'))).toEqual([
      `/api/models/${ID}/revision/main`,
      `/api/models/${ID}/tree/${hub.commit}?recursive=true`,
    ]);
    hub.requests.length = 0;
    expectRight(await read());
    expect(hub.requests).toEqual([]);
  });

  it('is read as ModelScope', async () => {
    const http = {
      fetch: ((url, init) => fetch(String(url).replace(hub.modelScopeUrl, hub.url), init)) as typeof fetch,
    };
    expectRight(await read({ endpoint: hub.modelScopeUrl, http }));
    expect(hub.requests[0]).toBe(`/api/v1/models/${ID}/repo/files?Revision=master&Recursive=true`);
  });

  it('is listed page by page, on the mirror', async () => {
    hub.pageSize = 2;
    expectRight(await read());
    expect(hub.requests.filter((line) => line.includes('cursor'))).toHaveLength(3);
  });

  it('gets the token, on every request', async () => {
    const seen = new Set<string | undefined>();
    hub.fault = ({ headers }) => {
      seen.add(headers.authorization);
      return undefined;
    };
    await read({ token: 'secret' });
    expect([...seen]).toEqual(['Bearer secret']);
  });

  it('is not asked for weights when only the head of a file is read', async () => {
    await withModelOf({ endpoint: hub.url, storage }, async (model) => {
      const file = await model.open('model.safetensors');
      expect(
        Buffer.compare(
          (await file?.read(8, 900)) as Uint8Array,
          FILES['model.safetensors']?.slice(8, 908) as Uint8Array,
        ),
      ).toBe(0);
    });
    expect(hub.requests.filter((line) => !line.startsWith('/api'))).toEqual(['model.safetensors bytes=0-999']);
  });

  it('tells how far it is', async () => {
    let time = 0;
    const seen: DownloadProgress[] = [];
    await read({
      now: () => {
        time += 200;
        return time;
      },
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.length).toBeGreaterThan(3);
    for (const { phase, totalBytes, loadedBytes } of seen) {
      expect([phase, totalBytes]).toEqual(['download', NEEDED_BYTES]);
      expect(loadedBytes).toBeLessThanOrEqual(NEEDED_BYTES);
    }
    const last = seen.findLast(({ bytesPerSecond }) => bytesPerSecond !== undefined);
    const { bytesPerSecond = 0, secondsLeft = -1, loadedBytes = 0 } = last ?? {};
    expect(secondsLeft).toBeCloseTo((NEEDED_BYTES - loadedBytes) / bytesPerSecond, 9);
  });
});

describe('a hub that misbehaves', () => {
  const byteFaults: readonly [string, Fault][] = [
    ['drops the connection', { kind: 'drop', after: 700 }],
    ['ends early', { kind: 'truncate', after: 700 }],
    ['sends too much', { kind: 'long', after: 100 }],
    ['ignores Range', { kind: 'ignoreRange' }],
    ['changes the ETag', { kind: 'etag' }],
    ['lies about the range', { kind: 'wrongRange' }],
    ['hides the range', { kind: 'hiddenRange' }],
    ['shows its front page', { kind: 'html' }],
    ['is overloaded', { kind: 'status', status: 503 }],
    ['wants to be left alone', { kind: 'status', status: 429, retryAfter: '7' }],
    ['corrupts a byte', { kind: 'corrupt', at: 333 }],
    ['closes the door', { kind: 'refuse' }],
  ];

  it.each(byteFaults)('%s, now and then', async (_, fault) => {
    let numRequests = 0;
    hub.fault = () => (numRequests++ < 12 && numRequests % 3 === 2 ? fault : undefined);
    expectRight(await read());
    hub.fault = () => fault;
    hub.requests.length = 0;
    expectRight(await read());
    expect(hub.requests).toEqual([]);
  });

  it.each(byteFaults.filter(([, { kind }]) => ['ignoreRange', 'etag', 'hiddenRange', 'long'].includes(kind)))(
    '%s, always',
    async (_, fault) => {
      hub.fault = () => fault;
      expectRight(await read());
    },
  );

  it('sends each byte once when it always ignores Range', async () => {
    hub.fault = () => ({ kind: 'ignoreRange' });
    expectRight(await read());
    expect(hub.requests.filter((line) => line.startsWith('model.safetensors'))).toHaveLength(1);
  });

  it.each(byteFaults.filter(([, { kind }]) => ['html', 'status', 'wrongRange', 'refuse'].includes(kind)))(
    '%s, always: an error says so, and the cache is not harmed',
    async (_, fault) => {
      hub.fault = () => fault;
      await expect(read()).rejects.toMatchObject({ code: 'source_unreachable', hint: expect.any(String) });
      hub.fault = () => undefined;
      expectRight(await read());
    },
  );

  it('corrupts a file always: an error says so, and the cache is not harmed', async () => {
    hub.fault = ({ path }) => (path === 'model.safetensors' ? { kind: 'corrupt', at: 5 } : undefined);
    await expect(read()).rejects.toMatchObject({ code: 'checksum_mismatch' });
    hub.fault = () => undefined;
    expectRight(await read());
  });

  it('waits as long as it is told to', async () => {
    const waits: number[] = [];
    hub.fault = faults([
      { kind: 'status', status: 429, retryAfter: '7' },
      { kind: 'status', status: 503 },
    ]);
    const http = { retryDelayMs: 100, random: () => 1, sleep: async (ms: number) => void waits.push(ms) };
    expectRight(await read({ numConnections: 1, http }));
    expect(waits).toEqual([7000, 100]);
  });

  it('has no such model', async () => {
    hub.models.delete(ID);
    await expect(read()).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('has no list', async () => {
    hub.listFault = () => ({ kind: 'html' });
    await expect(read()).rejects.toMatchObject({ code: 'file_malformed' });
    hub.listFault = faults([{ kind: 'status', status: 503 }]);
    expectRight(await read());
  });

  it('has an endpoint that is none', async () => {
    await expect(read({ endpoint: 'hub' })).rejects.toMatchObject({ code: 'invalid_option' });
  });

  const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    fc.constantFrom<Fault>(...byteFaults.map(([, one]) => one)),
    fc.record({ kind: fc.constantFrom('drop', 'truncate', 'long'), after: fc.nat(5000) }),
    fc.record({ kind: fc.constant('corrupt'), at: fc.nat(5000) }),
  );

  it('whatever it does: the right bytes or an error, and then the right bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fault, { maxLength: 40 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        async (list, hasHashes, numConnections) => {
          storage = new MemoryModels();
          // Without hashes a wrong byte cannot be noticed by anybody.
          hub.fault = faults(hasHashes ? list : list.filter((one) => one?.kind !== 'corrupt'));
          hub.hasHashes = hasHashes;
          const outcome = await read({ numConnections }).catch((error: unknown) => error);
          if (outcome instanceof PagemindError) {
            expect(['source_unreachable', 'checksum_mismatch']).toContain(outcome.code);
          } else expectRight(outcome as Record<string, Uint8Array>);
          hub.fault = () => undefined;
          expectRight(await read({ numConnections }));
          hub.requests.length = 0;
          expectRight(await read());
          expect(hub.requests).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});
