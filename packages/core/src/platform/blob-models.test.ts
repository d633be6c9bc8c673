// A model of a hub where nothing can be kept: verified as ever, and gone afterwards.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { differences, FILES, ID, NEEDED_BYTES, readAll, withModelOf } from '../testing/hub-harness.js';
import { HubServer } from '../testing/hub-server.js';
import { blobModels } from './blob-models.js';

let hub: HubServer;
beforeAll(async () => {
  hub = await HubServer.start({ [ID]: FILES });
});
afterAll(() => hub.close());

it('is downloaded once for a load, and once more for the next', async () => {
  const storage = blobModels();
  expect(differences(await readAll({ endpoint: hub.url, storage }))).toEqual([]);
  expect(differences(await readAll({ endpoint: hub.url, storage }))).toEqual([]);
  expect(hub.numBytesSent).toBe(NEEDED_BYTES);
  expect(differences(await readAll({ endpoint: hub.url, storage: blobModels() }))).toEqual([]);
  expect(hub.numBytesSent).toBe(2 * NEEDED_BYTES);
});

it('is never read wrong', async () => {
  let numLeft = 1;
  hub.fault = ({ path }) => (path === 'model.safetensors' && numLeft-- > 0 ? { kind: 'corrupt', at: 9 } : undefined);
  expect(differences(await readAll({ endpoint: hub.url, storage: blobModels() }))).toEqual([]);
  expect(numLeft).toBeLessThanOrEqual(0);
});

it('has nothing to keep packed weights in', async () => {
  await withModelOf({ endpoint: hub.url, storage: blobModels() }, async (model) => {
    expect(model.copies).toBeUndefined();
    await model.settle();
  });
});
