// Finds the folder of real checkpoints, tokenizers and texts that others made; it lies outside the repository.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { repository } from './process.mjs';

/** `PAGEMIND_FIXTURES`, or the folder `shared` beside the repository; it holds `fixtures/` and `goldens/`. */
export const sharedFolder = resolve(repository, process.env.PAGEMIND_FIXTURES || '../shared');

/** A folder of fixtures by name, e.g. `models`; undefined when it is not there. */
export function fixtureFolder(name) {
  return [join(sharedFolder, 'fixtures', name), join(sharedFolder, name)].find((folder) => existsSync(folder));
}
