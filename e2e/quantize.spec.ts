// Quantising the loaded model in the demo page, with the real engine: chosen, stopped, gone on with, measured, loaded, taken
// along, found again on the next visit, deleted.
import { readFileSync } from 'node:fs';
import { expect, type Page, test } from '@playwright/test';
import { DEMO_URL } from './testing/addresses.mjs';
import { MODEL, needsModel, storyText } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

needsModel();

const NAME = `${MODEL}-gptq-4bit-g32`;

async function expectStory(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { name: 'How does the story begin?' })).toBeVisible({ timeout: 120_000 });
}

async function openForm(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Quantise this model on this device…' }).click();
  await expect(page.getByRole('dialog', { name: `Quantise ${MODEL}` })).toBeVisible();
}

async function chooseText(page: Page, name: string, text: string): Promise<void> {
  await page.locator('.quantize input[type=file]').setInputFiles({
    name,
    mimeType: 'text/plain',
    buffer: Buffer.from(text),
  });
  await expect(page.getByRole('radio', { name })).toBeChecked();
}

/** What the browser's file system holds of quantised models. */
function keptNames(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const names: string[] = [];
    for await (const name of (await root.getDirectoryHandle('pagemind-quantized')).keys()) names.push(name);
    return names;
  });
}

test('the loaded model is quantised, stopped, gone on with, used and deleted', async ({ page }) => {
  // Six models are loaded one after the other.
  test.slow();
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  const settings = { lastModel: MODEL, generation: { maxTokens: 16, seed: 1 } };
  await page.addInitScript((text) => {
    localStorage['pagemind.settings'] ??= text;
  }, JSON.stringify(settings));
  await page.goto('./');
  await expectStory(page);

  await openForm(page);
  await page.getByLabel('Bits').selectOption('8');
  await expect(page.getByLabel('Method')).toHaveValue('gptq');
  await page.getByLabel('Bits').selectOption('4');
  await page.getByLabel('Group').selectOption('32');
  await page.getByLabel('Passages').selectOption('8');
  await chooseText(page, 'short.txt', 'Too short.');
  await expect(page.getByRole('alert')).toContainText('2,000 characters');
  await expect(page.getByRole('button', { name: 'Quantise', exact: true })).toBeDisabled();
  await chooseText(page, 'stories.txt', storyText(2500));
  await page.getByRole('button', { name: 'Quantise', exact: true }).click();

  // The engine makes room; what is finished when the job is stopped is found when it goes on.
  await expect(page.getByRole('heading', { name: `Quantising ${MODEL}` })).toBeVisible();
  await expect(page.getByText(/^[12] of 2 layers$/)).toBeVisible({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText(/^[12] of 2 layers are finished, and stay\.$/)).toBeVisible();
  await page.reload();
  await expectStory(page);
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('button', { name: new RegExp(`^${NAME} [12] of 2 layers, go on$`) }).click();

  await expect(page.getByRole('heading', { name: `${NAME} is ready` })).toBeVisible({ timeout: 120_000 });
  const figures = async (row: string): Promise<number[]> => {
    const cells = await page.getByRole('row', { name: row }).getByRole('cell').allTextContents();
    return cells.map((cell) => Number.parseFloat(cell));
  };
  const [before = 0, after = 0] = await figures('Perplexity');
  expect(before).toBeGreaterThan(5);
  expect(before).toBeLessThan(60);
  expect(Math.abs(after / before - 1)).toBeLessThan(0.15);
  const [weightsBefore = 0, weightsAfter = 0] = await figures('Weights');
  expect(weightsAfter).toBeLessThan(weightsBefore);

  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download as .zip' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe(`${NAME}.zip`);
  const zip = readFileSync(await download.path()).toString('latin1');
  for (const file of ['config.json', 'tokenizer.json', 'model-00001-of-00003.safetensors']) {
    expect(zip).toContain(`${NAME}/${file}`);
  }

  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expectStory(page);
  await page.getByRole('button', { name: 'Once upon a time' }).click();
  await expect(page.getByRole('log')).toHaveText(/^Once upon a time.{10,}/s, { timeout: 120_000 });
  await expect(page.getByRole('log')).toHaveAttribute('aria-busy', 'false', { timeout: 120_000 });

  // It is the model of the next visit, and cannot be quantised once more.
  await page.reload();
  await expect(page.getByRole('button', { name: 'Choose a model' })).toContainText(NAME);
  await expect(page.getByRole('log')).toContainText('Once upon a time');
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(page.getByRole('button', { name: 'Quantise this model on this device…' })).toBeHidden();
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('button', { name: `Delete ${NAME} from this browser` }).click();
  await expect(page.getByRole('button', { name: `Delete ${NAME} from this browser` })).toBeHidden();
  await expect.poll(() => keptNames(page)).toEqual([]);
  expect(complaints).toEqual([]);
  expect(foreignRequests).toEqual([]);
});
