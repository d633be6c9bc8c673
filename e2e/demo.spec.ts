// The demo page with a real model on a real (software) GPU: what a first visitor does, with the network on and off.
// How the page behaves around the engine is demo-page.spec.ts.
import { readFileSync } from 'node:fs';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { DEMO_URL } from './testing/addresses.mjs';
import { GGUF_FILE, MODEL, MODEL_FOLDER, needsModel } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

needsModel();

/** Few tokens: a software GPU is slow. */
async function open(page: Page, { maxTokens = 16 } = {}): Promise<void> {
  const settings = { lastModel: MODEL, generation: { maxTokens, seed: 1 } };
  await page.addInitScript((text) => {
    localStorage['pagemind.settings'] ??= text;
  }, JSON.stringify(settings));
  await page.goto('./');
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible({ timeout: 120_000 });
}

const story = (page: Page) => page.getByRole('log');
const continueButton = (page: Page) => page.getByRole('button', { name: 'Continue' });

/** As it stands in the document, spaces and all. */
async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

async function begin(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Once upon a time' }).click();
  await expect(continueButton(page)).toBeVisible({ timeout: 120_000 });
}

test('a story begins at once, goes on, and can be told in another way', async ({ page }) => {
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  await open(page);
  await begin(page);
  await expect(story(page)).toHaveText(/^Once upon a time.{10,}/s);
  await expect(page.getByRole('contentinfo')).toContainText(/First token.+Speed [\d,.]+ tokens\/s/);

  const first = await textOf(story(page));
  await page.getByRole('textbox').fill('Then came a cat');
  await page.keyboard.press('Enter');
  await expect(continueButton(page)).toBeVisible({ timeout: 120_000 });
  const second = await textOf(story(page));
  expect(second.startsWith(`${first} Then came a cat`)).toBe(true);
  expect(second.length).toBeGreaterThan(first.length + 20);

  // The same seed and the same text before it: the same words again.
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(continueButton(page)).toBeVisible({ timeout: 120_000 });
  await expect.poll(() => story(page).textContent(), { timeout: 120_000 }).toBe(second);

  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible();
  expect(complaints).toEqual([]);
  expect(foreignRequests).toEqual([]);
});

test('it can be stopped, and goes on afterwards', async ({ page }) => {
  await open(page, { maxTokens: 256 });
  await page.getByRole('button', { name: 'Once upon a time' }).click();
  await expect(page.getByRole('button', { name: 'Stop' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(continueButton(page)).toBeVisible();
  await continueButton(page).click();
  await expect(story(page)).toHaveText(/^Once upon a time.{10,}/s, { timeout: 120_000 });
  await expect(page.getByRole('alert')).toBeHidden();
});

test('it works with the network off once the model is loaded', async ({ page, context }) => {
  await open(page);
  await context.setOffline(true);
  await begin(page);
  await expect(story(page)).toHaveText(/^Once upon a time.{10,}/s);
  await continueButton(page).click();
  await expect(continueButton(page)).toBeVisible({ timeout: 120_000 });
});

test('a folder from the disk is a model like any other', async ({ page }) => {
  await page.route('**/models/index.json', (route) => route.fulfill({ json: [] }));
  await page.goto('./');
  await expect(page.getByRole('heading', { name: 'No model yet' })).toBeVisible();
  await page.getByRole('main').locator('input[type=file]').setInputFiles(MODEL_FOLDER);
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible({ timeout: 120_000 });
  await expect(page.getByRole('button', { name: 'Choose a model' })).toContainText(MODEL);
});

test('a GGUF file that is dropped is a model with all its parts', async ({ page }) => {
  await page.addInitScript(
    (text) => {
      localStorage['pagemind.settings'] ??= text;
    },
    JSON.stringify({ generation: { maxTokens: 16, seed: 1 } }),
  );
  await page.route('**/models/index.json', (route) => route.fulfill({ json: [] }));
  await page.goto('./');
  await expect(page.getByRole('heading', { name: 'No model yet' })).toBeVisible();
  const transfer = await page.evaluateHandle((base64) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], 'tiny.gguf'));
    return data;
  }, readFileSync(GGUF_FILE).toString('base64'));
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  // Its chat template makes it a partner to talk to, its vocabulary text of what it says.
  await expect(page.getByRole('button', { name: 'Choose a model' })).toContainText('tiny.gguf');
  const input = page.getByRole('textbox', { name: 'Write a message' });
  await expect(input).toBeEnabled({ timeout: 120_000 });
  await input.fill('Hello');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('log').locator('.answer').last()).toHaveText(/./, { timeout: 120_000 });
  await expect(page.getByRole('alert')).toBeHidden();
});

test('quantised weights take less memory', async ({ page }) => {
  await open(page);
  const weights = page.locator('.memory-parts dd').first();
  const bytesBefore = Number.parseFloat(await textOf(weights));
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Weights').selectOption('int4-g32');
  await page.getByRole('button', { name: 'Reload the model' }).click();
  await expect(page.getByRole('button', { name: 'Reload the model' })).toBeHidden();
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible({ timeout: 120_000 });
  expect(Number.parseFloat(await textOf(weights))).toBeLessThan(bytesBefore);
  await begin(page);
});
