// A model of a hub in the demo page, with the real engine: named, downloaded while one watches, left, gone on with, kept
// without hub and network, deleted.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { type HubFiles, HubServer } from '../packages/core/src/testing/hub-server.js';
import { MODEL_FOLDER, needsModel } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

needsModel();

const ID = 'Stories/tiny-656k';

let hub: HubServer;

test.beforeEach(async () => {
  const names = readdirSync(MODEL_FOLDER);
  const files: HubFiles = Object.fromEntries(names.map((name) => [name, readFileSync(join(MODEL_FOLDER, name))]));
  hub = await HubServer.start({ [ID]: files });
});
test.afterEach(() => hub.close());

/** Without models of its own the page waits for somebody to choose. */
async function open(page: Page): Promise<void> {
  await page.route('**/models/index.json', (route) => route.fulfill({ json: [] }));
  const settings = { endpoint: hub.url, generation: { maxTokens: 16, seed: 1 } };
  await page.addInitScript((text) => {
    localStorage['pagemind.settings'] ??= text;
  }, JSON.stringify(settings));
  await page.goto('./');
}

async function nameModel(page: Page, id: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Name of the model' }).fill(id);
  await page.keyboard.press('Enter');
}

/** Everything in the cache of models. */
function keptFiles(page: Page): Promise<readonly string[]> {
  return page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('pagemind-models');
    const names: string[] = [];
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === 'file') names.push(name);
      else for await (const inside of (handle as FileSystemDirectoryHandle).keys()) names.push(inside);
    }
    return names;
  });
}

async function tellStory(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Once upon a time' }).click();
  await expect(page.getByRole('log')).toHaveText(/^Once upon a time.{10,}/s, { timeout: 120_000 });
}

test('is downloaded, left, gone on with, kept and deleted', async ({ page, context }) => {
  const { complaints } = watch(page, new URL('/', hub.url).href);
  await open(page);
  // A tenth of a megabyte a second: half a minute, which is left as soon as everything has been seen.
  hub.fault = ({ path }) => (path === 'model.safetensors' ? { kind: 'drip', bytes: 10_000, everyMs: 100 } : undefined);
  await nameModel(page, ID);
  const card = page.locator('.loading');
  await expect(card.getByText(/^[\d.]+ (k|M)B of 2\.7\d MB$/)).toBeVisible();
  await expect(card.getByText(/^[\d.]+ kB\/s$/)).toBeVisible();
  await expect(card.getByText(/^\d+ sec left$/)).toBeVisible();

  await page.getByRole('button', { name: 'Cancel' }).click();
  const entry = page.getByRole('button', { name: new RegExp(`^${ID}`) });
  await expect(entry).toContainText(/B of 2\.7\d MB, go on$/);
  hub.fault = () => undefined;
  hub.requests.length = 0;
  await entry.click();
  await tellStory(page);
  // What had come was not asked for again.
  const asked = hub.requests.filter((line) => !line.startsWith('/api'));
  expect(asked).toContain('model.safetensors bytes=0-2626167');
  expect(asked.filter((line) => line.startsWith('config.json'))).toEqual([]);
  expect(complaints).toEqual([]);

  // Neither the hub nor anything else but the page itself is needed any more.
  hub.requests.length = 0;
  await context.route(
    (url) => url.href.startsWith(hub.url),
    (route) => route.abort(),
  );
  await page.reload();
  await page.getByRole('button', { name: 'Clear' }).click();
  await tellStory(page);
  expect(hub.requests).toEqual([]);

  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('button', { name: `Delete ${ID} from this browser` }).click();
  await expect(page.getByRole('button', { name: `Delete ${ID} from this browser` })).toBeHidden();
  await expect.poll(() => keptFiles(page)).toEqual([]);
});

test('that is not there, or not what it says, is told in words', async ({ page }) => {
  await open(page);
  await nameModel(page, 'one-word');
  await expect(page.getByRole('alert')).toHaveText('A name has two parts, as in Qwen/Qwen2.5-0.5B-Instruct');
  await nameModel(page, 'no/such');
  await expect(page.getByRole('alert')).toContainText('The hub has no such model');
  hub.fault = ({ path }) => (path === 'config.json' ? { kind: 'corrupt', at: 9 } : undefined);
  await nameModel(page, ID);
  await expect(page.getByRole('alert')).toContainText('The download is damaged');
  hub.fault = () => undefined;
  await page.getByRole('button', { name: 'Try again' }).click();
  await tellStory(page);
});
