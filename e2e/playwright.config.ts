// The browser tier: the demo page and the library in Chromium, once per software adapter that this machine has.
// The pages are served by testing/serve.mjs; the demo must have been built.
import { defineConfig } from '@playwright/test';
import { browsers } from '../tools/setup/adapters.mjs';
import { DEMO_URL } from './testing/addresses.mjs';

const launchers = Object.entries(browsers());
if (launchers.length === 0) throw new Error('there is no Chromium: run npm run setup, or name one in CHROMIUM');

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  // A software adapter uses all cores by itself.
  workers: 1,
  forbidOnly: Boolean(process.env['CI']),
  // One repetition in CI, where machines are shared. The last lines of `npm test` name the tests that needed it.
  retries: process.env['CI'] ? 1 : 0,
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: 'list',
  // A service worker would stand between the page and what the tests put in place of its files.
  use: { baseURL: DEMO_URL, locale: 'en-US', actionTimeout: 30_000, serviceWorkers: 'block' },
  projects: launchers.map(([name, launchOptions], index) => ({
    name,
    use: { launchOptions },
    // What does not touch the GPU is the same on all of them.
    testIgnore: index === 0 ? [] : ['demo-page.spec.ts', 'pictures.spec.ts', 'offline.spec.ts'],
  })),
  webServer: {
    command: 'node e2e/testing/serve.mjs',
    cwd: '..',
    url: DEMO_URL,
    stdout: 'pipe',
    reuseExistingServer: false,
  },
});
