// What a folder on disk must survive: writers that stop in the middle, a full disk, a place where nobody may write.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { diskFolder } from './node-folder.js';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return { ...real, open: vi.fn(real.open) };
});

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pagemind-folder-'));
});
afterEach(() => rmSync(root, { recursive: true }));

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

/** A writer that stops in the middle, as one whose process is killed. */
async function* stopping(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* chunks('half of');
  await new Promise(() => {});
}

it('writes whole files that nobody else may read', async () => {
  await diskFolder(root).write('a', chunks('one ', 'two'));
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('one two');
  expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o600);
});

it('keeps the old file until the new one is whole, and deletes what is left of it', async () => {
  const folder = diskFolder(root);
  await folder.write('a', chunks('old'));
  await folder.write('ab', chunks('other'));
  void folder.write('a', stopping());
  await vi.waitFor(() => expect(readdirSync(root)).toHaveLength(3));
  expect(readFileSync(join(root, 'a'), 'utf8')).toBe('old');
  await folder.delete('a');
  expect(readdirSync(root)).toEqual(['ab']);
});

it('clears up after writers that were killed long ago', async () => {
  const folder = diskFolder(root);
  for (const file of ['a.killed', 'a.busy', 'b.killed']) writeFileSync(join(root, file), 'half of');
  for (const file of ['a.killed', 'b.killed']) utimesSync(join(root, file), 0, 0);
  await folder.write('a', chunks('new'));
  expect(readdirSync(root).sort()).toEqual(['a', 'a.busy', 'b.killed']);
});

it('tells a full disk', async () => {
  const folder = diskFolder(root);
  await folder.write('a', chunks('old'));
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  vi.mocked(open).mockResolvedValueOnce({
    writeFile: () => Promise.reject(full),
    close: async () => {},
  } as unknown as FileHandle);
  await expect(folder.write('a', chunks('new'))).rejects.toMatchObject({ code: 'storage_full', cause: full });
  expect(readdirSync(root)).toEqual(['a']);
});

it('tells a place that is none', async () => {
  writeFileSync(join(root, 'file'), '');
  const folder = diskFolder(join(root, 'file'));
  for (const attempt of [() => folder.write('a', chunks('x')), () => folder.list()]) {
    await expect(attempt()).rejects.toMatchObject({ code: 'storage_unavailable' });
  }
});
