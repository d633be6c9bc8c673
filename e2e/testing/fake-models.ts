// Gives the demo a list of made-up models and, in place of its worker, one that pretends to load them.
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { HARNESS_FOLDER } from './addresses.mjs';

/** What the made-up models do is in harness/fake-worker.ts. */
export type FakeModel = 'talker' | 'looker' | 'slow' | 'no-adapter';

/** Call it before the page is opened. The first model is the one that loads. */
export async function fakeModels(page: Page, models: readonly FakeModel[] = ['talker']): Promise<void> {
  const files = [
    { path: 'config.json', size: 10 },
    { path: 'model.safetensors', size: 100e6 },
  ];
  const headers = { 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Resource-Policy': 'same-origin' };
  await page.route('**/models/index.json', (route) => route.fulfill({ json: models.map((id) => ({ id, files })) }));
  await page.route('**/assets/worker-*.js', (route) =>
    route.fulfill({ path: join(HARNESS_FOLDER, 'fake-worker.js'), contentType: 'text/javascript', headers }),
  );
}
