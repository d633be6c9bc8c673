// Fetches Mesa's lavapipe, the software Vulkan driver with f16 and subgroups, and a Vulkan loader from the machine's own
// Debian mirror into the cache folder; nothing is installed. Whether they are needed is provision.mjs's question.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasLoader, places } from './adapters.mjs';
import {
  closePackageLists,
  hasApt,
  newestPackage,
  openPackageLists,
  unpackPackage,
  unpackWithDependencies,
} from './apt.mjs';
import { run, SetupError } from './process.mjs';

/** Before this major version lavapipe lacks features that Dawn requires. */
const MIN_MESA = 25;

/** Puts loader and driver into the cache folder, unless they are there; a SetupError says why it cannot. */
export async function provisionLavapipe(log) {
  if (hasLoader() && existsSync(places.lavapipeIcd)) return;
  if (!hasApt()) throw new SetupError('lavapipe is fetched from Debian packages, and this machine has no apt');
  log('fetching the lavapipe driver from Debian packages (about 12 MB, nothing is installed)');
  await openPackageLists();
  try {
    if (!hasLoader()) await unpackNewest('libvulkan1', places.loaderRoot);
    const mesa = await unpackNewest('mesa-vulkan-drivers', places.lavapipeRoot, MIN_MESA);
    if ((await missingLibraries()).length > 0) {
      log('fetching the libraries that lavapipe needs');
      await unpackWithDependencies('mesa-vulkan-drivers', mesa.suite, places.lavapipeRoot);
    }
    const missing = await missingLibraries();
    if (missing.length > 0) throw new SetupError(`lavapipe ${mesa.version} lacks ${missing.join(', ')}`);
    mkdirSync(dirname(places.lavapipeIcd), { recursive: true });
    const icd = { file_format_version: '1.0.0', ICD: { api_version: '1.3.0', library_path: places.lavapipeDriver } };
    writeFileSync(places.lavapipeIcd, `${JSON.stringify(icd, null, 2)}\n`);
  } finally {
    closePackageLists();
  }
}

async function unpackNewest(name, root, minMajor = 0) {
  const newest = await newestPackage(name);
  if (!newest) throw new SetupError(`this machine's Debian mirror has no package ${name}`);
  if (Number.parseInt(newest.version, 10) < minMajor) {
    throw new SetupError(`the newest ${name} of this distribution is ${newest.version}, and Dawn needs ${minMajor}`);
  }
  await unpackPackage(name, newest.suite, root);
  return newest;
}

/** Names of shared libraries that the driver needs and the dynamic linker does not find. */
async function missingLibraries() {
  const env = { LD_LIBRARY_PATH: [...places.lavapipeLibraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
  const { output } = await run('ldd', [places.lavapipeDriver], { env });
  return [...output.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
}
