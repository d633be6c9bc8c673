// Installs the npm dependencies with the pnpm version that the lockfile was made with; quick when nothing has changed.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, isCurrent, remember } from './inputs.mjs';
import { mustRun, repository, SetupError } from './process.mjs';

const PNPM = 'pnpm@12.21.0';

/** Refuses a Node that the tools do not run on. */
function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetupError(`Node ${process.versions.node} is too old: this repository needs 20.19 or newer`);
  }
}

/** Installs what the lockfile names, unless that is done. */
export async function install(log) {
  checkNode();
  const workspaces = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}`);
  const manifests = ['.', ...workspaces, 'e2e', 'tools/wgsl'].map((folder) => `${folder}/package.json`);
  const print = fingerprint(['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]);
  const stamp = join(repository, 'node_modules/.installed-from');
  if (isCurrent(stamp, print)) return;
  log('installing npm dependencies');
  // CI: pnpm asks no questions.
  await mustRun('the npm dependencies could not be installed', 'npx', ['--yes', PNPM, 'install', '--frozen-lockfile'], {
    env: { CI: 'true' },
  });
  remember(stamp, print);
}
