// Finds the fixture folders that tests share. For tests in Node alone: nothing that ships may import this file.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const root: string =
  process.env['PAGEMIND_FIXTURES'] ?? fileURLToPath(new URL('../../../../../shared', import.meta.url));

/** Path of something under `$PAGEMIND_FIXTURES`, which defaults to `shared` beside the repository. */
export function fixturesPath(path: string): string {
  return `${root}/${path}`;
}

/**
 * `describe` for a suite that reads `path` (as {@link fixturesPath} takes it); `fn` gets its full path.
 * Where the path is missing the suite is reported as skipped by name, but with `CI` set it fails.
 */
export function describeWithFixtures(name: string, path: string, fn: (fullPath: string) => void): void {
  const fullPath = fixturesPath(path);
  if (existsSync(fullPath)) {
    describe(name, () => fn(fullPath));
  } else if (process.env['CI']) {
    describe(name, () => {
      it('has its fixtures', () => {
        throw new Error(`${fullPath} is missing; set PAGEMIND_FIXTURES to the folder that holds ${path}`);
      });
    });
  } else {
    describe.skip(`${name} (no fixtures at ${fullPath})`, () => {
      it('needs fixtures', () => {});
    });
  }
}
