// Models that a page writes into the browser's own file system: what comes of it loads and answers, what is left in the middle
// is gone on with, and nothing is converted twice.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { HubServer } from '../packages/core/src/testing/hub-server.js';
import type { Answer } from './harness/writing.js';
import { HARNESS_URL } from './testing/addresses.mjs';
import { goldenOf, MODEL, MODEL_FOLDER, needsModel, storyText } from './testing/fixtures.js';
import { watch } from './testing/page-watch.js';

needsModel();

const MODEL_URL = `${HARNESS_URL}models/${MODEL}/`;
const PROMPT = 'One day, a big red ball';
const NUM_TOKENS = 8;

async function answer(page: Page, model: string, endpoint?: string): Promise<Answer> {
  const { input_ids } = goldenOf(PROMPT);
  return page.evaluate(([from, ids, num, hub]) => globalThis.harness.writing.answer(from, ids, num, hub), [
    model,
    [...input_ids],
    NUM_TOKENS,
    endpoint,
  ] as const);
}

/** A hub that has the model as `stories/tiny`. */
function startHub(): Promise<HubServer> {
  const names = readdirSync(MODEL_FOLDER);
  return HubServer.start({
    'stories/tiny': Object.fromEntries(names.map((name) => [name, readFileSync(join(MODEL_FOLDER, name))])),
  });
}

function quantize(page: Page, folder: string): Promise<{ numLayers: number; numFound: number }> {
  return page.evaluate(([url, to, words]) => globalThis.harness.writing.quantize(url, to, words), [
    MODEL_URL,
    folder,
    storyText(2000),
  ] as const);
}

test('a model is packed into the browser, and loads from there', async ({ page }) => {
  const { complaints } = watch(page, HARNESS_URL);
  await page.goto(HARNESS_URL);
  const [before, after] = await page.evaluate((url) => globalThis.harness.writing.convert(url, 'packed'), MODEL_URL);
  expect(after).toBeLessThan(before / 2);
  const quantised = await answer(page, MODEL_URL);
  expect(quantised.numConversions).toBeGreaterThan(0);
  expect(quantised.ids).toHaveLength(NUM_TOKENS);
  expect(await answer(page, 'packed')).toEqual({ ...quantised, numConversions: 0 });
  expect(complaints).toEqual([]);
});

test('a model of a hub loads where the browser keeps no files', async ({ page }) => {
  const hub = await startHub();
  try {
    await page.goto(HARNESS_URL);
    const kept = await answer(page, 'stories/tiny', hub.url);
    // As in a private window of Firefox or Safari.
    await page.addInitScript(() => {
      StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('It is private.', 'SecurityError'));
    });
    await page.reload();
    hub.requests.length = 0;
    expect(await answer(page, 'stories/tiny', hub.url)).toEqual(kept);
    expect(hub.requests.length).toBeGreaterThan(0);
  } finally {
    await hub.close();
  }
});

test('a model of a hub is converted once, and loads packed from then on', async ({ page, context }) => {
  const hub = await startHub();
  try {
    await page.goto(HARNESS_URL);
    const first = await answer(page, 'stories/tiny', hub.url);
    expect(first.numConversions).toBeGreaterThan(0);
    const [[id, packedBytes] = ['', 0]] = await page.evaluate(() => globalThis.harness.writing.cached());
    expect(id).toBe('stories/tiny');
    expect(packedBytes).toBeGreaterThan(1e6);
    await page.close();
    hub.requests.length = 0;
    const later = await context.newPage();
    await later.goto(HARNESS_URL);
    expect(await answer(later, 'stories/tiny', hub.url)).toEqual({ ...first, numConversions: 0 });
    expect(hub.requests).toEqual([]);
  } finally {
    await hub.close();
  }
});

test('quantising outlives the page: another one goes on, and writes the same bytes', async ({ page, context }) => {
  await page.goto(HARNESS_URL);
  expect(await quantize(page, 'whole')).toMatchObject({ numLayers: 2, numFound: 0 });
  const whole = await page.evaluate(() => globalThis.harness.writing.hashes('whole'));
  expect(Object.keys(whole)).toContain('config.json');

  const leaving = quantize(page, 'broken').catch(() => 'closed');
  await page.waitForFunction(() => globalThis.harness.writing.numLayersDone === 1);
  await page.close();
  expect(await leaving).toBe('closed');

  const later = await context.newPage();
  await later.goto(HARNESS_URL);
  const begun = await later.evaluate(() => globalThis.harness.writing.hashes('broken'));
  expect(Object.keys(begun)).not.toContain('config.json');
  expect(await quantize(later, 'broken')).toMatchObject({ numLayers: 2, numFound: 1 });
  expect(await later.evaluate(() => globalThis.harness.writing.hashes('broken'))).toEqual(whole);
  const { ids, format } = await answer(later, 'broken');
  expect(format).toBe('int4-g64');
  expect(ids).toHaveLength(NUM_TOKENS);
});
