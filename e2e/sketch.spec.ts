// The model that comes with the page, on a real (software) GPU: it opens by itself, sees what is drawn and dropped, and
// needs no network afterwards. How the page behaves around any engine is pictures.spec.ts.
import { expect, type Page, test } from '@playwright/test';
import { serve } from '../tools/setup/serve.mjs';
import { DEMO_URL } from './testing/addresses.mjs';
import { DEMO_PACKAGE, EMBEDDED_MODEL } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';
import { bring, SketchPad, sampleFile } from './testing/pictures.js';

/** Loading and answering take their time on a software GPU. */
const SLOW = { timeout: 120_000 };

async function open(page: Page, address = './'): Promise<void> {
  await page.goto(address);
  await expect(page.getByRole('heading', { name: 'Show me something' })).toBeVisible(SLOW);
}

async function answer(page: Page): Promise<string> {
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible(SLOW);
  return (await page.getByRole('log').locator('.answer').last().textContent()) ?? '';
}

function expectCircleLeftOfSquare(text: string): void {
  for (const word of [/\bred circle\b/i, /\bblue square\b/i, /\bleft\b/i]) expect(text).toMatch(word);
}

test('the page opens with its own model, which describes a drawing', async ({ page }) => {
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  await open(page);
  await expect(page.getByRole('button', { name: 'Choose a model' })).toContainText(EMBEDDED_MODEL);
  const sketch = new SketchPad(page);
  await sketch.open();
  await sketch.drawCircleAndSquare();
  await sketch.press('Describe');
  expectCircleLeftOfSquare(await answer(page));
  expect(complaints).toEqual([]);
  expect(foreignRequests).toEqual([]);
});

test('it describes a picture that is dropped, without a network', async ({ page, context }) => {
  await open(page);
  await context.setOffline(true);
  await bring(page, 'drop', [sampleFile('shapes')]);
  await page.locator('.composer').getByRole('button', { name: 'Describe' }).click();
  expectCircleLeftOfSquare(await answer(page));
  // The same picture is known by now, and a second one comes beside it.
  await bring(page, 'drop', [sampleFile('fish')]);
  await page.locator('.composer').getByRole('button', { name: 'Describe' }).click();
  expect(await answer(page)).toMatch(/\bfish\b/i);
});

test('it talks, and tells stories', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: 'Tell me a story about a fox.' }).click();
  expect(await answer(page)).toMatch(/\bfox\b/i);
});

test.describe('on any static server', () => {
  test.use({ serviceWorkers: 'allow' });
  test('it opens below any path, and again when the server is gone', async ({ page }) => {
    const server = await serve({ folder: DEMO_PACKAGE, port: 0 });
    try {
      await open(page, `${server.url}/dist/`);
      await page.evaluate(() => navigator.serviceWorker.ready);
    } finally {
      await server.close();
    }
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Show me something' })).toBeVisible(SLOW);
    await page.getByRole('button', { name: 'Describe: Circle and square' }).click();
    expectCircleLeftOfSquare(await answer(page));
  });
});
