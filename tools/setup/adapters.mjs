// The one place that knows where the Vulkan loader, the software drivers and Chromium lie. It only looks; fetching what
// is missing is provision.mjs's work.
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder for everything that is fetched or built outside `dist`; `PAGEMIND_CACHE` moves it. */
export const cacheFolder = resolve(
  process.env.PAGEMIND_CACHE || fileURLToPath(new URL('../../.cache', import.meta.url)),
);

/** Debian's name for this machine's library folder. */
const multiarch = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch] ?? 'unknown-linux-gnu';

/** Where provisioning puts things. */
export const places = {
  /** Debian packages of the Vulkan loader, unpacked. */
  loaderRoot: join(cacheFolder, 'vulkan/root'),
  loaderLibraries: join(cacheFolder, 'vulkan/root/usr/lib', multiarch),
  /** Debian packages of Mesa's lavapipe and of the libraries that it needs, unpacked. */
  lavapipeRoot: join(cacheFolder, 'lavapipe/mesa'),
  lavapipeLibraries: ['usr/lib', 'lib'].map((lib) => join(cacheFolder, 'lavapipe/mesa', lib, multiarch)),
  lavapipeDriver: join(cacheFolder, 'lavapipe/mesa/usr/lib', multiarch, 'libvulkan_lvp.so'),
  lavapipeIcd: join(cacheFolder, 'lavapipe/icd.json'),
  /** A view of Chromium's folder whose SwiftShader is replaced by lavapipe. */
  lavapipeChromium: join(cacheFolder, 'lavapipe/chromium'),
  /** Environment that gives the `pagemind` command an adapter where the system has none. */
  adapterFile: join(cacheFolder, 'adapter.json'),
};

/** Whether the system itself has a Vulkan loader. */
function hasSystemLoader() {
  const folders = [`/usr/lib/${multiarch}`, `/lib/${multiarch}`, '/usr/lib64', '/usr/lib', '/usr/local/lib'];
  return folders.some((folder) => existsSync(join(folder, 'libvulkan.so.1')));
}

/** Whether Dawn would find a Vulkan loader, the system's or the provisioned one. */
export function hasLoader() {
  return hasSystemLoader() || existsSync(join(places.loaderLibraries, 'libvulkan.so.1'));
}

/**
 * Environment variables that make Dawn in a child process use a software adapter, by adapter name; only adapters that
 * exist. The dynamic linker reads LD_LIBRARY_PATH when a process starts, so they are for children.
 * @returns {Partial<Record<'lavapipe' | 'swiftshader', Record<string, string>>>}
 */
export function softwareAdapters() {
  const found = {};
  if (!hasLoader()) return found;
  const loader = hasSystemLoader() ? [] : [places.loaderLibraries];
  const lavapipe = firstExisting(process.env.PAGEMIND_LAVAPIPE_ICD, places.lavapipeIcd);
  if (lavapipe) found.lavapipe = adapterEnv(lavapipe, [...loader, ...places.lavapipeLibraries]);
  const chromium = findChromium();
  const bundled = chromium && join(chromium.folder, 'vk_swiftshader_icd.json');
  const swiftshader = firstExisting(process.env.PAGEMIND_SWIFTSHADER_ICD, bundled);
  if (swiftshader) found.swiftshader = adapterEnv(swiftshader, loader);
  return found;
}

function adapterEnv(icd, folders) {
  const path = [...folders, process.env.LD_LIBRARY_PATH].filter((folder) => folder && existsSync(folder));
  return { VK_ICD_FILENAMES: icd, ...(path.length > 0 && { LD_LIBRARY_PATH: path.join(':') }) };
}

/**
 * Chromium on this machine: `CHROMIUM`, then PATH, then Playwright's downloads.
 * @returns {{ executable: string, folder: string, binary: string } | undefined} what to start, the folder of the
 *   program itself with its SwiftShader (what is in PATH may be a wrapper script), and the program in it.
 */
export function findChromium() {
  if (process.platform !== 'linux') return undefined;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const inPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  for (const executable of [process.env.CHROMIUM, ...inPath, ...playwrightChromiums()]) {
    if (!executable || !existsSync(executable)) continue;
    const real = realpathSync(executable);
    for (const folder of [dirname(real), '/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome']) {
      if (!existsSync(join(folder, 'libvk_swiftshader.so'))) continue;
      const binary = ['chromium', 'chrome', basename(real)].find((name) => existsSync(join(folder, name)));
      if (binary) return { executable, folder, binary };
    }
  }
  return undefined;
}

function playwrightChromiums() {
  const root = process.env.PLAYWRIGHT_BROWSERS_PATH || join(homedir(), '.cache/ms-playwright');
  if (!existsSync(root)) return [];
  const versions = readdirSync(root).filter((name) => /^chromium-\d+$/.test(name));
  return versions.flatMap((name) => ['chrome-linux', 'chrome-linux64'].map((sub) => join(root, name, sub, 'chrome')));
}

const browserFlags = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

/**
 * How to start Chromium on each software adapter, in the shape of Playwright's `launchOptions`; only those that exist.
 * Chromium calls both adapters SwiftShader; lavapipe is the one with `shader-f16`.
 * @returns {Partial<Record<'lavapipe' | 'swiftshader',
 *   { executablePath: string, args: string[], env: Record<string, string> }>>}
 */
export function browsers() {
  const found = {};
  const chromium = findChromium();
  if (!chromium) return found;
  found.swiftshader = { executablePath: chromium.executable, args: browserFlags, env: { ...process.env } };
  const shimmed = join(places.lavapipeChromium, chromium.binary);
  const { lavapipe } = softwareAdapters();
  if (lavapipe && existsSync(shimmed)) {
    // ANGLE's default, Vulkan, does not come up on lavapipe; Mesa's EGL does.
    const args = [...browserFlags, '--use-angle=gl-egl', '--ozone-platform=headless'];
    const { LD_LIBRARY_PATH } = lavapipe;
    found.lavapipe = {
      executablePath: shimmed,
      args,
      env: { ...process.env, ...(LD_LIBRARY_PATH && { LD_LIBRARY_PATH }) },
    };
  }
  return found;
}

function firstExisting(...paths) {
  return paths.find((path) => path && existsSync(path));
}
