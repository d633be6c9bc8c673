// What the library keeps in a real browser's own file system, from a page and from a worker.
import { expect, test } from '@playwright/test';
import { HARNESS_URL } from './testing/addresses.mjs';
import { MODEL, needsModel } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

for (const place of ['page', 'worker'] as const) {
  test(`a ${place} stores, lists, replaces and deletes`, async ({ page }) => {
    const { complaints } = watch(page, HARNESS_URL);
    await page.goto(HARNESS_URL);
    expect(await page.evaluate((from) => globalThis.harness.store(from), place)).toEqual({
      names: ['../a name/ä', 'b'],
      text: 'what was said',
      file: 'a picture',
      fileType: 'image/png',
      pixels: [1, 2, 3],
      replaced: { second: true },
      refused: 'invalid_request',
      kept: { second: true },
      namesAfter: [],
    });
    expect(complaints).toEqual([]);
  });
}

test.describe('with a model', () => {
  needsModel();

  for (const place of ['page', 'worker'] as const) {
    test(`a session goes on where another engine in a ${place} has left it`, async ({ page }) => {
      await page.goto(HARNESS_URL);
      const { here, restored, names } = await page.evaluate(([from, url]) => globalThis.harness.restart(from, url), [
        place,
        `${HARNESS_URL}models/${MODEL}/`,
      ] as const);
      expect(restored.tokenIds).toEqual(here.tokenIds);
      expect(restored.cachedTokens).toBe(here.cachedTokens);
      expect(restored.cachedTokens).toBeGreaterThan(31);
      expect(names).toEqual([['restart'], []]);
    });
  }
});
