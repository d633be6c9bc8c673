// The library in a page and in a worker of a real browser: the same tokens, and those of the float64 reference.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { HARNESS_URL } from './testing/addresses.mjs';
import { goldenOf, MODEL, needsModel } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

needsModel();

const PROMPT = 'One day, a big red ball';
const NUM_TOKENS = 24;
const MODEL_URL = `${HARNESS_URL}models/${MODEL}/`;

for (const place of ['page', 'worker'] as const) {
  test(`the engine in a ${place} says what the reference says`, async ({ page }) => {
    const { input_ids, greedy_ids } = goldenOf(PROMPT);
    const { complaints, foreignRequests } = watch(page, HARNESS_URL);
    await page.goto(HARNESS_URL);
    const run = await page.evaluate(([from, url, prompt, num]) => globalThis.harness.run(from, url, prompt, num), [
      place,
      MODEL_URL,
      PROMPT,
      NUM_TOKENS,
    ] as const);
    expect(run.promptIds).toEqual(input_ids);
    expect(run.ids).toEqual(greedy_ids.slice(0, NUM_TOKENS));
    expect(run.text.length).toBeGreaterThan(NUM_TOKENS);
    expect(run.completion).toBe(run.text);
    expect(run.streamed).toBe(run.text);
    expect(run.phases).toEqual(['files', 'weights', 'compile', 'ready']);
    expect(complaints).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });

  test(`a model that is not there is a clear error in a ${place}`, async ({ page }) => {
    await page.goto(HARNESS_URL);
    const code = await page.evaluate(([from, url]) => globalThis.harness.failureOf(from, url), [
      place,
      `${HARNESS_URL}models/none/`,
    ] as const);
    expect(code).toBe('file_missing');
  });
}

test('the example of the README runs as it stands there', async ({ page }) => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, example] = read('harness/embed.ts').split('// —\n');
  expect(read('../README.md')).toContain(example);
  await page.goto(`${HARNESS_URL}embed.html`);
  await page.waitForFunction(() => globalThis.embedded !== undefined);
  expect(await page.evaluate(() => globalThis.embedded?.length ?? 0)).toBeGreaterThan(20);
});
