// An engine from a hub that misbehaves: it says what the same model says from a folder, and then without the hub. What it is
// quantised to while loading is kept.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEngine, deleteCached, type LoadProgress, listCached, type NodeEngineOptions } from './node.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { type HubFiles, HubServer } from './testing/hub-server.js';
import { generateIds, TINYSTORIES } from './testing/tinystories.js';

const ID = 'stories/tiny';

describeWithFixtures(TINYSTORIES, TINYSTORIES, (folder) => {
  let hub: HubServer;
  let cacheDir: string;
  beforeAll(async () => {
    const files: HubFiles = Object.fromEntries(
      readdirSync(folder).map((path) => [path, readFileSync(join(folder, path))]),
    );
    hub = await HubServer.start({ [ID]: files });
    cacheDir = mkdtempSync(join(tmpdir(), 'pagemind-hub-'));
  });
  afterAll(async () => {
    await hub.close();
    rmSync(cacheDir, { recursive: true });
  });

  const idsOf = async (options: NodeEngineOptions): Promise<number[]> => {
    const engine = await createEngine({ maxBatchSize: 1, sessionLen: 64, ...options });
    try {
      return await generateIds(engine, [1, 80, 147], 12);
    } finally {
      await engine.dispose();
    }
  };

  it('loads through faults, and again without a request', async () => {
    const expected = await idsOf({ model: folder });
    let numRequests = 0;
    let numWeights = 0;
    hub.fault = ({ path }) => {
      numRequests++;
      if (numRequests === 2) return { kind: 'drop', after: 100 };
      return path === 'model.safetensors' && numWeights++ === 0 ? { kind: 'corrupt', at: 1234 } : undefined;
    };
    const phases = new Set<LoadProgress['phase']>();
    const options = { model: ID, endpoint: hub.url, cacheDir };
    expect(await idsOf({ ...options, onProgress: ({ phase }) => phases.add(phase) })).toEqual(expected);
    expect([...phases]).toEqual(expect.arrayContaining(['files', 'download', 'compile', 'ready']));
    hub.requests.length = 0;
    expect(await idsOf(options)).toEqual(expected);
    expect(hub.requests).toEqual([]);
  });

  it('that is quantised while loading is converted once, and again when what was kept is damaged', async () => {
    hub.fault = () => undefined;
    const load = async (keepPacked = true): Promise<{ ids: number[]; numConversions: number }> => {
      const options = { model: ID, endpoint: hub.url, cacheDir, quantize: 'int4-g64', keepPacked } as const;
      const engine = await createEngine({ maxBatchSize: 1, sessionLen: 64, ...options });
      try {
        return { ids: await generateIds(engine, [1, 80, 147], 12), numConversions: engine.info.numConversions };
      } finally {
        await engine.dispose();
      }
    };
    const packedBytes = async (): Promise<number> => (await listCached({ cacheDir }))[0]?.packedBytes ?? 0;
    const first = await load(false);
    expect(first.numConversions).toBeGreaterThan(0);
    expect(await packedBytes()).toBe(0);
    expect(await load()).toEqual(first);
    expect(await packedBytes()).toBeGreaterThan(1e6);
    expect(await load()).toEqual({ ...first, numConversions: 0 });

    const pieces = readdirSync(cacheDir, { recursive: true, encoding: 'utf8' })
      .map((path) => join(cacheDir, path))
      .filter((path) => statSync(path).isFile() && readFileSync(path).includes('pagemind-packed'));
    expect(pieces).toHaveLength(1);
    for (const path of pieces) {
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 1000) ^ 1, bytes.length - 1000);
      writeFileSync(path, bytes);
    }
    expect(await load()).toEqual(first);
    await deleteCached(ID, { cacheDir });
    expect(await listCached({ cacheDir })).toEqual([]);
  });
});
