// Tells whether a step's inputs have changed since it last succeeded: a hash of file contents, kept in a stamp file.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { repository } from './process.mjs';

/** Folders that are made, fetched or foreign; no script of this repository reads sources from them. */
export const madeFolders = new Set([
  'node_modules',
  'dist',
  '.git',
  '.cache',
  'coverage',
  'test-results',
  'playwright-report',
]);

/** All files below a folder, or the file itself, as sorted absolute paths; made folders are left out. */
export function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() || (entry.isDirectory() && !madeFolders.has(entry.name)))
    .flatMap((entry) => filesBelow(join(path, entry.name)))
    .sort();
}

/** Hash over names and contents of files and folders given relative to the repository, and over `extra`. */
export function fingerprint(paths, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const file of paths.flatMap((path) => filesBelow(join(repository, path)))) {
    hash.update(`\0${relative(repository, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** Whether a stamp file holds this fingerprint. */
export function isCurrent(stamp, print) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === print;
}

/** Remembers a fingerprint in a stamp file. */
export function remember(stamp, print) {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, print);
}
