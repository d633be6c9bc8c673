// An engine from a hub that misbehaves: it says what the same model says from a folder, and then without the hub.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createEngine, type LoadProgress, type NodeEngineOptions } from './node.js';
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
});
