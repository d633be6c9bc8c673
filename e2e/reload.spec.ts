// The conversation outlives a reload of the page, pictures included, until it is cleared: around an engine that is made up
// and says what it was told, and with the page's own model on a real (software) GPU.
import { expect, type Page, test } from '@playwright/test';
import { DEMO_URL } from './testing/addresses.mjs';
import { fakeModels } from './testing/fake-models.js';
import { watch } from './testing/page-watch.js';
import { bring, sampleFile } from './testing/pictures.js';

/** Loading and answering take their time on a software GPU. */
const SLOW = { timeout: 120_000 };

const log = (page: Page) => page.getByRole('log');
const welcome = (page: Page) => page.getByRole('heading', { name: 'Show me something' });

async function ask(page: Page, text: string): Promise<void> {
  const answers = log(page).locator('.answer');
  const numBefore = await answers.count();
  await page.getByRole('textbox').fill(text);
  await page.keyboard.press('Enter');
  await expect(answers).toHaveCount(numBefore + 1);
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible(SLOW);
}

/** What the page has stored. */
function storedFiles(page: Page): Promise<readonly { readonly name: string; readonly text: string }[]> {
  return page.evaluate(async () => {
    const files: { name: string; text: string }[] = [];
    // A file may be replaced or deleted while it is read.
    const textOf = async (handle: FileSystemFileHandle): Promise<string> => {
      const file = await handle.getFile().catch(() => undefined);
      return (await file?.text().catch(() => undefined)) ?? '';
    };
    const visit = async (folder: FileSystemDirectoryHandle): Promise<void> => {
      for await (const handle of folder.values()) {
        if (handle.kind === 'directory') await visit(handle as FileSystemDirectoryHandle);
        else files.push({ name: handle.name, text: await textOf(handle as FileSystemFileHandle) });
      }
    };
    await visit(await navigator.storage.getDirectory());
    return files;
  });
}

const storedNames = async (page: Page) => (await storedFiles(page)).map(({ name }) => name);

/** Until the conversation is stored up to `text`: it is written a moment after it is shown. */
async function expectStored(page: Page, text: string): Promise<void> {
  await expect.poll(async () => (await storedFiles(page)).map((file) => file.text).join()).toContain(text);
  await expect.poll(() => storedNames(page)).toEqual(['data-conversation']);
}

test('a conversation with a picture is there again, goes on, and stays cleared', async ({ page }) => {
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  await fakeModels(page, ['looker']);
  await page.goto('./');
  await expect(welcome(page)).toBeVisible();
  expect(await storedNames(page)).toEqual([]);
  await bring(page, 'drop', [sampleFile('stars')]);
  await ask(page, 'What is this?');
  await expectStored(page, 'You said: What is this?');
  const before = await log(page).textContent();

  await page.reload();
  await expect(log(page)).toContainText('You said: What is this? I see 1: image/png 240×240');
  await expect.poll(() => log(page).textContent()).toBe(before);
  const picture = log(page).getByRole('img', { name: 'stars.png' });
  await expect(picture).toHaveJSProperty('complete', true);
  await expect.poll(() => picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(100);
  await ask(page, 'echo');
  await expect(log(page).locator('.answer').last()).toContainText('"content":"You said: What is this? I see 1:');
  // The question alone, when the page goes before it is answered.
  await page.getByRole('textbox').fill('forever');
  await page.keyboard.press('Enter');
  await expect(log(page).locator('.answer')).toHaveCount(3);
  await expect(log(page).locator('.answer').last()).toContainText('ever');
  await expectStored(page, '"forever"');
  await page.reload();
  await expect(log(page).locator('.asked').last()).toHaveText('forever');
  await expect(log(page).locator('.answer')).toHaveCount(2);

  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(welcome(page)).toBeVisible();
  await expect.poll(() => storedNames(page)).toEqual([]);
  await page.reload();
  await expect(welcome(page)).toBeVisible();
  await expect(log(page)).toBeHidden();
  expect(complaints).toEqual([]);
  expect(foreignRequests).toEqual([]);
});

test('the settings say what is kept, in both languages, and that a private window keeps nothing', async ({ page }) => {
  await fakeModels(page);
  await page.goto('./');
  await page.getByRole('button', { name: 'Settings' }).click();
  const panel = page.getByRole('dialog', { name: 'Settings' });
  await expect(panel).toContainText('is there again after a reload; “Clear” deletes it');
  await page.getByRole('button', { name: '中文' }).click();
  await expect(page.getByRole('dialog')).toContainText('按“清空”即删除');

  await page.addInitScript(() => {
    navigator.storage.getDirectory = () => Promise.reject(new DOMException('private', 'SecurityError'));
  });
  await page.reload();
  await page.getByRole('textbox').fill('Hi');
  await page.keyboard.press('Enter');
  await expect(log(page)).toContainText('You said: Hi');
  await page.getByRole('button', { name: '设置' }).click();
  await expect(page.getByRole('dialog')).toContainText('刷新页面后对话即消失');
  await page.reload();
  await expect(log(page)).toBeHidden();
  await expect(page.getByRole('textbox')).toBeVisible();
});

test('the model of the page goes on with the conversation', async ({ page }) => {
  // Few tokens: a software GPU is slow.
  await page.addInitScript(() => {
    localStorage['pagemind.settings'] ??= JSON.stringify({ generation: { maxTokens: 16 } });
  });
  await page.goto('./');
  await expect(welcome(page)).toBeVisible(SLOW);
  await page.getByRole('button', { name: 'Describe: Circle and square' }).click();
  await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible(SLOW);
  await expect(log(page)).toContainText(/circle/i);
  const before = await log(page).textContent();
  await expectStored(page, '"tokensPerSecond"');

  await page.reload();
  await expect(log(page)).toBeVisible(SLOW);
  await expect.poll(() => log(page).textContent()).toBe(before);
  await ask(page, 'What can you do?');
  expect((await log(page).locator('.answer').last().textContent())?.length).toBeGreaterThan(10);
});
