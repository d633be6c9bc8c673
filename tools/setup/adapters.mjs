// Finds the Vulkan loader and the software drivers that tests and a GPU-less laptop use. Only looks; provisioning is
// in provision.mjs.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));

/** Folders that may hold libvulkan.so.1 when the system has none. */
const loaderFolders = [`${cache}vulkan/root/usr/lib/x86_64-linux-gnu`, '/usr/lib/chromium'];

const drivers = {
  lavapipe: [process.env.PAGEMIND_LAVAPIPE_ICD, `${cache}lavapipe/lvp25.json`],
  swiftshader: [
    process.env.PAGEMIND_SWIFTSHADER_ICD,
    '/usr/lib/chromium/vk_swiftshader_icd.json',
    `${cache}swiftshader/vk_swiftshader_icd.json`,
  ],
};

/**
 * Environment variables that make Dawn in a child process use a software adapter, by adapter name; only those that
 * exist. LD_LIBRARY_PATH must be set before a process starts, so they are for children.
 */
export function softwareAdapters() {
  const loader = loaderFolders.find((folder) => existsSync(`${folder}/libvulkan.so.1`));
  const found = {};
  for (const [name, paths] of Object.entries(drivers)) {
    const icd = paths.find((path) => path && existsSync(path));
    if (!icd) continue;
    const library = [loader, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
    found[name] = { VK_ICD_FILENAMES: icd, ...(library && { LD_LIBRARY_PATH: library }) };
  }
  return found;
}
