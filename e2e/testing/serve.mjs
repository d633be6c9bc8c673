// Serves the built demo and, built anew, the harness, each with the models of the fixtures, until it is stopped.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { fixtureFolder } from '../../tools/setup/fixtures.mjs';
import { repository } from '../../tools/setup/process.mjs';
import { serve } from '../../tools/setup/serve.mjs';
import { HARNESS_FOLDER, PORTS } from './addresses.mjs';

const demo = join(repository, 'packages/demo-app/dist');
if (!existsSync(join(demo, 'index.html'))) throw new Error('the demo is not built: run npm run build');

rmSync(HARNESS_FOLDER, { recursive: true, force: true });
for (const mode of ['index.html', 'embed.html', 'fake-worker.ts']) {
  await build({ root: fileURLToPath(new URL('../harness', import.meta.url)), mode, logLevel: 'warn' });
}

const models = fixtureFolder('models');
const shared = { exact: true, ...(models && { models }) };
await serve({ folder: HARNESS_FOLDER, port: PORTS.harness, ...shared });
// The demo comes last: Playwright starts when its address answers.
const { url } = await serve({ folder: demo, port: PORTS.demo, ...shared });
console.log(`serving ${url}`);
