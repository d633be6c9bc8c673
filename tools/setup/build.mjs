// Builds every package in dependency order: JavaScript with Vite, declarations with tsc. A package whose sources, and
// whose dependencies' sources, have not changed is left alone.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './adapters.mjs';
import { fingerprint, isCurrent, remember } from './inputs.mjs';
import { mustRun, repository, runAsScript, SetupError, tool } from './process.mjs';

/** Packages in dependency order; each is built from its own folder and all those before it. */
const packages = ['quant', 'kernels-wgsl', 'core', 'cli', 'demo-app'];
const shared = ['pnpm-lock.yaml', 'tsconfig.base.json', 'tools/wgsl/src', 'tools/setup/library.ts'];

/** Builds what has changed. Needs the npm dependencies. */
export async function build(log) {
  let upstream = fingerprint(shared);
  const changed = [];
  for (const name of packages) {
    const folder = `packages/${name}`;
    if (!existsSync(join(repository, folder, 'vite.config.ts'))) continue;
    upstream = fingerprint([folder], upstream);
    const stamp = join(cacheFolder, 'build', name);
    if (isCurrent(stamp, upstream) && existsSync(join(repository, folder, 'dist'))) continue;
    changed.push({ name, folder, stamp, print: upstream });
  }
  if (changed.length === 0) return;
  for (const { name, folder } of changed) {
    log(`building ${folder}`);
    rmSync(join(repository, folder, 'dist'), { recursive: true, force: true });
    for (const file of buildInfos(name)) rmSync(join(repository, '.cache', file), { force: true });
    await bundle(folder);
  }
  await mustRun('the type declarations could not be built', process.execPath, [tool('typescript', 'tsc'), '--build']);
  for (const { stamp, print } of changed) remember(stamp, print);
}

/** tsc's notes on what it has emitted for a package; they are stale when the output is gone. */
function buildInfos(name) {
  const cache = join(repository, '.cache');
  const files = existsSync(cache) ? readdirSync(cache) : [];
  return files.filter((file) => file.startsWith(name) && file.endsWith('.tsbuildinfo'));
}

async function bundle(folder) {
  const vite = await import('vite');
  try {
    await vite.build({ root: join(repository, folder), logLevel: 'warn' });
  } catch (error) {
    console.error(error.message);
    throw new SetupError(`${folder} could not be built`);
  }
}

await runAsScript(import.meta.url, () => build(console.log));
