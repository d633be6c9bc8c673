// The page opens again when its server is gone; sketch.spec.ts does so with the page's own model.
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { serve } from '../tools/setup/serve.mjs';
import { DEMO_PACKAGE } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

test.use({ serviceWorkers: 'allow' });

test('the page opens without its server, once it was there', async ({ page }) => {
  const server = await serve({ folder: join(DEMO_PACKAGE, 'dist'), port: 0 });
  // The page without a GPU: what is looked at here is the same, and needs no model.
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
  const { complaints, foreignRequests } = watch(page, server.url);
  const heading = page.getByRole('heading', { name: 'This browser does not offer WebGPU' });
  try {
    await page.goto(server.url);
    await expect(heading).toBeVisible();
    await page.evaluate(() => navigator.serviceWorker.ready);
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
  await page.reload();
  await expect(heading).toBeVisible();
  const fetched = (path: string) => page.evaluate(async (of) => (await fetch(of)).ok, path);
  expect(await fetched('models/index.json')).toBe(true);
  expect(await fetched('models/other/config.json').catch(() => 'not reached')).toBe('not reached');
  expect(foreignRequests).toEqual([]);
});
