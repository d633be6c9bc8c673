// What a browser may refuse. Files that are really kept are tested in browsers, by e2e/sessions.spec.ts.
import { afterEach, expect, it, vi } from 'vitest';
import { opfsFolder } from './opfs-folder.js';

afterEach(() => vi.unstubAllGlobals());

/** A browser whose files take what `write` allows; `aborted` counts the copies that were given up. */
function stub(write: () => Promise<void>): { readonly aborted: () => number } {
  const abort = vi.fn(async () => {});
  const file = { createWritable: async () => ({ write, abort, close: async () => {} }) };
  const folder = { getFileHandle: async () => file };
  const root = { getDirectoryHandle: async () => folder };
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
  return { aborted: () => abort.mock.calls.length };
}

async function* chunk(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new Uint8Array(1);
}

it('says that there is no more room, and gives the copy up', async () => {
  const { aborted } = stub(() => Promise.reject(new DOMException('full', 'QuotaExceededError')));
  await expect(opfsFolder('x').write('a', chunk())).rejects.toMatchObject({ code: 'storage_full' });
  expect(aborted()).toBe(1);
});

it.each<[string, unknown]>([
  ['has no file system', {}],
  ['keeps no files', { storage: { getDirectory: () => Promise.reject(new DOMException('no', 'SecurityError')) } }],
])('says so where a browser %s', async (_, navigator) => {
  vi.stubGlobal('navigator', navigator);
  const folder = opfsFolder('x');
  const attempts = [() => folder.open('a'), folder.list, () => folder.delete('a'), () => folder.write('a', chunk())];
  for (const attempt of attempts) {
    await expect(attempt()).rejects.toMatchObject({ code: 'storage_unavailable' });
  }
});
