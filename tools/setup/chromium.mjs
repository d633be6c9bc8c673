// Makes sure there is a Chromium to test with, and builds the view of it that runs on lavapipe (f16 in the browser).
// How it is started belongs to adapters.mjs.
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium, places } from './adapters.mjs';
import { hasApt } from './apt.mjs';
import { mustRun, run, SetupError, tool } from './process.mjs';

const howToGet = 'install Debian\'s "chromium" package, or name one in the environment variable CHROMIUM';

/** Installs Chromium when there is none: Debian's as root, else Playwright's download. */
export async function provisionChromium(log) {
  if (findChromium()) return;
  if (process.env.CHROMIUM) throw new SetupError(`CHROMIUM names '${process.env.CHROMIUM}', which is no Chromium`);
  if (hasApt() && process.getuid?.() === 0) {
    log('installing the Debian package chromium');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['-q', 'update'], { env });
    await run('apt-get', ['-q', '-y', '--no-install-recommends', 'install', 'chromium'], { env });
    if (findChromium()) return;
  }
  log("downloading Playwright's Chromium");
  await mustRun(`there is no Chromium: ${howToGet}`, process.execPath, [
    tool('@playwright/test', 'playwright'),
    'install',
    'chromium',
  ]);
  if (process.platform === 'linux' && !findChromium()) throw new SetupError(`there is no Chromium: ${howToGet}`);
}

/**
 * Builds a folder that looks like Chromium's, with a libvk_swiftshader.so that forwards to lavapipe. Chromium takes a
 * CPU adapter only when it is called SwiftShader and lies in its own folder. Needs a C compiler.
 */
export async function provisionLavapipeChromium(log) {
  const chromium = findChromium();
  if (!chromium || !existsSync(places.lavapipeIcd)) return;
  const source = fileURLToPath(new URL('lavapipe-shim.c', import.meta.url));
  const version = (await run(join(chromium.folder, chromium.binary), ['--version'])).output;
  const made = JSON.stringify([chromium, version, places.lavapipeDriver, readFileSync(source, 'utf8')]);
  const stamp = join(places.lavapipeChromium, 'made-from.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === made) return;

  log('building the Chromium view that runs on lavapipe');
  const folder = `${places.lavapipeChromium}.new`;
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await compileShim(source, join(folder, 'libvk_swiftshader.so'));
    for (const name of readdirSync(chromium.folder)) {
      const [from, to] = [join(chromium.folder, name), join(folder, name)];
      // Chromium looks for its parts beside its own program file, so that one must not be a symbolic link.
      if (name === chromium.binary) linkOrCopy(from, to);
      else if (name !== 'libvk_swiftshader.so') symlinkSync(from, to);
    }
    writeFileSync(join(folder, 'made-from.json'), made);
    rmSync(places.lavapipeChromium, { recursive: true, force: true });
    renameSync(folder, places.lavapipeChromium);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compileShim(source, library) {
  const define = `-DLAVAPIPE_DRIVER="${places.lavapipeDriver}"`;
  const flags = ['-O2', '-Wall', '-shared', '-fPIC', define, '-o', library, source, '-ldl'];
  return mustRun('without a C compiler the browser is tested without f16', 'cc', flags);
}

function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  }
}
