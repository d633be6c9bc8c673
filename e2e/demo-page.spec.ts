// The demo page around the engine: loading, answers, settings, languages, failures. The engine is made up, so that it
// can be slow, fail and say what the test wants; demo.spec.ts has the real one.
import { expect, type Page, test } from '@playwright/test';
import { DEMO_URL } from './testing/addresses.mjs';
import { type FakeModel, fakeModels } from './testing/fake-models.js';
import { watch } from './testing/page-watch.js';

async function open(page: Page, models?: readonly FakeModel[]): Promise<void> {
  await fakeModels(page, models);
  await page.goto('./');
}

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Write a message' }).fill(text);
  await page.keyboard.press('Enter');
}

const answer = (page: Page) => page.getByRole('log').locator('.answer').last();

test('questions are answered, again on wish, until all is cleared', async ({ page }) => {
  const { complaints } = watch(page, DEMO_URL);
  await open(page);
  await ask(page, 'Hello');
  await expect(answer(page)).toContainText('You said: Hello');
  await expect(page.getByRole('contentinfo')).toContainText('42 tokens/s');
  await expect(page.getByRole('contentinfo')).toContainText('12 ms');
  await ask(page, 'first\nsecond');
  await expect(answer(page)).toContainText('second');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('log').locator('.answer')).toHaveCount(2);
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page.getByRole('heading', { name: 'What is on your mind?' })).toBeVisible();
  expect(complaints).toEqual([]);
});

test('Shift and Enter start a line, Enter sends, Escape stops', async ({ page }) => {
  await open(page);
  const input = page.getByRole('textbox', { name: 'Write a message' });
  await input.fill('a');
  await page.keyboard.press('Shift+Enter');
  await expect(input).toHaveValue('a\n');
  await input.fill('forever');
  await page.keyboard.press('Enter');
  await expect(answer(page)).toContainText('ever ever');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();
  await expect(page.getByText('Stopped')).toBeVisible();
});

test('an answer can be copied', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page);
  await ask(page, 'Hello');
  await page.getByRole('button', { name: 'Copy' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('You said: Hello');
});

test('Markdown is shown, and nothing in it runs or loads', async ({ page }) => {
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  await open(page);
  await ask(page, 'markdown');
  await expect(answer(page).getByRole('cell', { name: '2' })).toBeVisible();
  await expect(answer(page).getByRole('heading', { name: 'A title' })).toBeVisible();
  await expect(answer(page).locator('pre')).toHaveText('const answer = 42;');
  await expect(answer(page).getByRole('listitem')).toHaveCount(2);
  await expect(answer(page).getByText('<b onclick="alert(3)">raw</b>')).toBeVisible();
  await expect(answer(page).getByRole('link', { name: 'link' })).toHaveAttribute('rel', 'noopener noreferrer');
  await expect(answer(page).getByText('trap')).not.toHaveAttribute('href');
  await expect(answer(page).locator('img, script, [onclick]')).toHaveCount(0);
  expect(foreignRequests).toEqual([]);
  expect(complaints).toEqual([]);
});

test('settings reach the engine and outlive the page', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Temperature').fill('1.2');
  await page.getByLabel('Seed').fill('7');
  await page.getByLabel('Longest answer').fill('64');
  await page.getByLabel('System prompt').fill('Be brief.');
  await page.getByLabel('Session length').fill('512');
  await page.getByLabel('Session length').blur();
  await page.reload();
  await ask(page, 'echo');
  await expect(answer(page)).toContainText('"temperature":1.2');
  await expect(answer(page)).toContainText('"seed":7');
  await expect(answer(page)).toContainText('"maxNewTokens":64');
  await expect(answer(page)).toContainText('"content":"Be brief."');
  await expect(answer(page)).toContainText('"options":{"sessionLen":512}');
});

test('the page speaks Chinese on demand, and remembers it', async ({ page }) => {
  await open(page);
  await page.getByRole('button', { name: '中文' }).click();
  await expect(page.getByRole('heading', { name: '想聊点什么？' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await page.reload();
  await expect(page.getByRole('button', { name: '设置' })).toBeVisible();
});

test.describe('in a Chinese browser', () => {
  test.use({ locale: 'zh-CN' });
  test('the page speaks Chinese at once', async ({ page }) => {
    await open(page);
    await expect(page.getByRole('button', { name: '设置' })).toBeVisible();
  });
});

test('loading shows how far it is, and can be left', async ({ page }) => {
  await open(page, ['slow', 'talker']);
  await expect(page.getByRole('progressbar')).toHaveJSProperty('value', 25e6);
  await expect(page.getByText('25 MB of 100 MB')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('main').getByRole('button', { name: 'talker' }).click();
  await expect(page.getByRole('heading', { name: 'What is on your mind?' })).toBeVisible();
  // The model that worked is the one for the next visit.
  await page.reload();
  await expect(page.getByRole('heading', { name: 'What is on your mind?' })).toBeVisible();
});

test('what fails is said in plain words and can be tried again', async ({ page }) => {
  await open(page);
  await ask(page, 'fail');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('The conversation does not fit into the cache');
  await expect(alert).toContainText('Clear the conversation.');
  await expect(alert.getByText('out_of_kv')).toBeHidden();
  await alert.getByText('Details').click();
  await expect(alert.getByText('out_of_kv')).toBeVisible();
  await expect(answer(page)).toContainText('Half of');
  await ask(page, 'Hello');
  await expect(alert).toBeHidden();
  await expect(answer(page)).toContainText('You said: Hello');
});

test('dropped files are loaded', async ({ page }) => {
  await open(page);
  await expect(page.getByRole('heading', { name: 'What is on your mind?' })).toBeVisible();
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['{}'], 'config.json'));
    return data;
  });
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: transfer });
  await expect(page.getByText('Drop the model folder here')).toBeVisible();
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
  await expect(page.getByRole('button', { name: 'Choose a model' })).toContainText('config.json');
  await expect(page.getByText('Drop the model folder here')).toBeHidden();
});

test('without WebGPU the page says how to get it', async ({ page }) => {
  const { complaints } = watch(page, DEMO_URL);
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
  await page.goto('./');
  await expect(page.getByRole('heading', { name: 'This browser does not offer WebGPU' })).toBeVisible();
  await expect(page.locator('.browser').first()).toContainText('your browser');
  expect(complaints).toEqual([]);
});

test('so it does without an adapter', async ({ page }) => {
  await open(page, ['no-adapter']);
  await expect(page.getByRole('heading', { name: 'This browser does not offer WebGPU' })).toBeVisible();
  await page.getByText('Details').click();
  await expect(page.getByText('There is no adapter.')).toBeVisible();
});

test('a phone shows everything without scrolling sideways', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 700 });
  await open(page);
  await ask(page, 'markdown');
  await expect(answer(page).getByRole('cell', { name: '2' })).toBeVisible();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow).toBe(0);
  await page.getByRole('button', { name: 'Settings' }).click();
  await expect(page.getByRole('dialog', { name: 'Settings' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Settings' })).toBeHidden();
});
