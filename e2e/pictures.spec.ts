// Showing pictures to a model, around an engine that is made up and says what it was shown; sketch.spec.ts has the real
// one.
import { expect, type Page, test } from '@playwright/test';
import { DEMO_URL } from './testing/addresses.mjs';
import { type FakeModel, fakeModels } from './testing/fake-models.js';
import { watch } from './testing/page-watch.js';
import { BROKEN_FILE, bring, plainFile, SketchPad, sampleFile } from './testing/pictures.js';

async function open(page: Page, models: readonly FakeModel[] = ['looker']): Promise<void> {
  await fakeModels(page, models);
  await page.goto('./');
  await expect(page.getByRole('textbox')).toBeVisible();
}

const answer = (page: Page) => page.getByRole('log').locator('.answer').last();
const waiting = (page: Page) => page.getByRole('list', { name: 'Pictures for the next message' }).getByRole('img');
const describeButton = (page: Page) => page.locator('.composer').getByRole('button', { name: 'Describe' });

async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox').fill(text);
  await page.keyboard.press('Enter');
}

test('what is drawn is described at once', async ({ page }) => {
  const { complaints, foreignRequests } = watch(page, DEMO_URL);
  await open(page);
  const sketch = new SketchPad(page);
  await sketch.open();
  await expect(sketch.pad.getByRole('button', { name: 'Describe' })).toBeDisabled();
  await sketch.drawCircleAndSquare();
  await sketch.press('Describe');
  await expect(sketch.pad).toBeHidden();
  await expect(answer(page)).toContainText('You said: Describe the picture. I see 1: image/png 384×384');
  const [, numColoured = ''] = /384×384, (\d+) coloured/.exec((await answer(page).textContent()) ?? '') ?? [];
  // The circle and the square, not the paper.
  expect(Number(numColoured)).toBeGreaterThan(30_000);
  expect(Number(numColoured)).toBeLessThan(60_000);
  await expect(page.getByRole('log').getByRole('img', { name: 'Drawing' })).toBeVisible();
  await page.locator('.memory summary').click();
  await expect(page.locator('.memory-parts')).toContainText('Pictures4 MB');
  expect(complaints).toEqual([]);
  expect(foreignRequests).toEqual([]);
});

test('a drawing can be undone, begun anew, made with keys, and gone on with later', async ({ page }) => {
  await open(page);
  const sketch = new SketchPad(page);
  await sketch.open();
  await sketch.choose('Green', 'Thick');
  await sketch.drag({ x: 0.2, y: 0.2 }, { x: 0.8, y: 0.8 });
  const numLine = await sketch.numColoured();
  expect(numLine).toBeGreaterThan(5000);
  await sketch.press('New sheet');
  await expect.poll(() => sketch.numColoured()).toBe(0);
  await page.keyboard.press('Control+z');
  await expect.poll(() => sketch.numColoured()).toBe(numLine);
  await sketch.press('Undo');
  await expect.poll(() => sketch.numColoured()).toBe(0);

  await sketch.choose('Triangle', 'Purple');
  await sketch.pad.getByLabel('Filled').uncheck();
  await sketch.paper.focus();
  for (const key of ['Enter', 'Shift+ArrowRight', 'Shift+ArrowRight', 'Enter']) await page.keyboard.press(key);
  await expect.poll(() => sketch.numColoured()).toBeGreaterThan(1000);
  // A tap is a shape too.
  await sketch.drag({ x: 0.25, y: 0.25 }, { x: 0.25, y: 0.25 });
  const numBoth = await sketch.numColoured();
  await page.keyboard.press('Escape');
  await expect(sketch.pad).toBeHidden();
  await sketch.open();
  await expect.poll(() => sketch.numColoured()).toBe(numBoth);
  await sketch.press('Add to message');
  await expect(waiting(page)).toHaveCount(1);
});

test('dropped pictures go with the question, and stay in the conversation', async ({ page }) => {
  const { complaints } = watch(page, DEMO_URL);
  await open(page);
  await bring(page, 'drop', [sampleFile('stars')]);
  await expect(waiting(page)).toHaveAttribute('alt', 'stars.png');
  await expect(describeButton(page)).toBeEnabled();
  await ask(page, 'How many stars?');
  await expect(answer(page)).toContainText('You said: How many stars? I see 1: image/png 240×240');
  await expect(waiting(page)).toHaveCount(0);
  await ask(page, 'And now?');
  await expect(answer(page)).toContainText('You said: And now? I see 1:');
  await bring(page, 'drop', [sampleFile('fish'), plainFile(30, 20)]);
  await expect(waiting(page)).toHaveCount(2);
  await page.getByRole('button', { name: 'Remove fish.png' }).click();
  await describeButton(page).click();
  await expect(answer(page)).toContainText('I see 2: image/png 240×240');
  await expect(answer(page)).toContainText('image/png 30×20, 600 coloured');

  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('log').locator('.answer')).toHaveCount(3);
  await expect(answer(page)).toContainText('I see 2');
  await ask(page, 'forever');
  await expect(answer(page)).toContainText('ever ever');
  await page.keyboard.press('Escape');
  await expect(page.getByText('Stopped')).toBeVisible();
  await page.getByRole('button', { name: 'Clear' }).click();
  await ask(page, 'Hello');
  await expect(answer(page)).toHaveText(/You said: Hello\s*$/);
  expect(complaints).toEqual([]);
});

test('pictures are pasted, chosen, or taken from the samples', async ({ page }) => {
  await open(page);
  await bring(page, 'paste', [sampleFile('seven')]);
  await expect(waiting(page)).toHaveCount(1);
  await page.locator('.composer input[type=file]').setInputFiles([sampleFile('heart')]);
  await expect(waiting(page)).toHaveCount(2);
  await page.getByRole('button', { name: 'Sample pictures' }).click();
  await page.locator('.composer').getByRole('button', { name: 'Three stars' }).click();
  await expect(waiting(page)).toHaveCount(3);
  await expect(describeButton(page)).toBeEnabled();
  await expect(page.getByRole('textbox')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(answer(page)).toContainText('I see 3:');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('button', { name: 'Describe: House, tree and sun' }).click();
  await expect(answer(page)).toContainText('You said: Describe the picture. I see 1: image/png 240×240');
});

test('a picture that cannot be read is said so, and the conversation goes on', async ({ page }) => {
  const { complaints } = watch(page, DEMO_URL);
  await open(page);
  await bring(page, 'drop', [BROKEN_FILE, sampleFile('fish')]);
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('broken.png cannot be read as a picture');
  await expect(waiting(page)).toHaveCount(1);
  await describeButton(page).click();
  await expect(answer(page)).toContainText('I see 1');
  await expect(alert).toBeHidden();

  // This one the browser can read, and the engine refuses.
  await bring(page, 'drop', [plainFile(1, 1)]);
  await ask(page, 'What is this?');
  await expect(alert).toContainText('This format is not supported yet');
  await expect(alert).toContainText('Show more of it.');
  await expect(alert.getByRole('button', { name: 'Try again' })).toBeHidden();
  await expect(page.getByText('The model did not see this one')).toBeVisible();
  await ask(page, 'Never mind');
  await expect(answer(page)).toContainText('You said: Never mind I see 1: image/png 240×240');
  await expect(alert).toBeHidden();
  expect(complaints).toEqual([]);
});

test('a very large picture is shown small and sent whole', async ({ page }) => {
  await open(page);
  await bring(page, 'drop', [plainFile(12_000, 1200)]);
  await expect(waiting(page)).toHaveJSProperty('naturalWidth', 360);
  await expect(waiting(page)).toHaveJSProperty('naturalHeight', 36);
  await describeButton(page).click();
  await expect(answer(page)).toContainText('12000×1200');
});

test('a model that sees nothing is shown nothing', async ({ page }) => {
  await open(page, ['talker']);
  await expect(page.getByRole('heading', { name: 'What is on your mind?' })).toBeVisible();
  for (const name of ['Draw something', 'Add pictures', 'Sample pictures']) {
    await expect(page.getByRole('button', { name })).toBeHidden();
  }
  await bring(page, 'paste', [sampleFile('fish')]);
  await bring(page, 'drop', [sampleFile('fish')]);
  await expect(page.getByRole('alert')).toContainText('The loaded model cannot see pictures');
  await ask(page, 'Hello');
  await expect(answer(page)).toHaveText(/You said: Hello\s*$/);
});

test('a picture in the conversation is kept from a model that sees nothing', async ({ page }) => {
  await open(page, ['looker', 'talker']);
  await page.getByRole('button', { name: 'Describe: Fish' }).click();
  await expect(answer(page)).toContainText('I see 1');
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('button', { name: 'talker' }).click();
  await expect(page.getByRole('button', { name: 'Add pictures' })).toBeHidden();
  await ask(page, 'echo');
  await expect(answer(page)).toContainText('"content":"Describe the picture."');
});

test('addresses of pictures last as long as they are shown', async ({ page }) => {
  await page.addInitScript(() => {
    const made = new Set<string>();
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      const url = createObjectURL.call(URL, blob);
      made.add(url);
      return url;
    };
    URL.revokeObjectURL = (url) => {
      made.delete(url);
      revokeObjectURL.call(URL, url);
    };
    Object.assign(globalThis, { numAddresses: () => made.size });
  });
  const numAddresses = () => page.evaluate('numAddresses()');
  await open(page);
  await expect(page.getByRole('button', { name: 'Describe: Fish' })).toBeVisible();
  await expect.poll(numAddresses).toBe(6);
  await page.getByRole('button', { name: 'Describe: Fish' }).click();
  await expect(answer(page)).toContainText('I see 1');
  await expect.poll(numAddresses).toBe(1);
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page.getByRole('button', { name: 'Describe: Fish' })).toBeVisible();
  await expect.poll(numAddresses).toBe(6);
});

test.describe('in Chinese', () => {
  test.use({ locale: 'zh-CN' });
  test('pictures are spoken of too', async ({ page }) => {
    await open(page);
    await expect(page.getByRole('heading', { name: '给我看点什么吧' })).toBeVisible();
    await page.getByRole('button', { name: '画点什么' }).first().click();
    const pad = page.getByRole('dialog', { name: '画板' });
    await pad.getByRole('radio', { name: '圆形', exact: true }).check();
    await pad.getByLabel('画纸').click();
    await pad.getByRole('button', { name: '描述图片' }).click();
    await expect(answer(page)).toContainText('You said: Describe the picture. I see 1');
    await bring(page, 'drop', [BROKEN_FILE]);
    await expect(page.getByRole('alert')).toContainText('无法读取这张图片：broken.png');
  });
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 360, height: 640 }, hasTouch: true });
  test('one draws with a finger, and nothing is wider than the screen', async ({ page }) => {
    await open(page);
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow).toBe(0);
    const sketch = new SketchPad(page);
    await page.getByRole('button', { name: 'Draw something' }).last().tap();
    await sketch.choose('Square');
    await sketch.paper.tap();
    await expect.poll(() => sketch.numColoured()).toBeGreaterThan(10_000);
    await expect(sketch.pad.getByRole('button', { name: 'Describe' })).toBeInViewport();
    await sketch.pad.getByRole('button', { name: 'Describe' }).tap();
    await expect(answer(page)).toContainText('I see 1');
    await bring(page, 'drop', [sampleFile('fish'), sampleFile('stars'), sampleFile('house'), sampleFile('heart')]);
    await expect(waiting(page)).toHaveCount(4);
    await expect.poll(overflow).toBe(0);
  });
});
