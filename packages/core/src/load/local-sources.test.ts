// Sources of local files: one behaviour for all of them, then what each must notice.
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderSource } from '../platform/node-source.js';
import { blobSource } from './blob-source.js';
import { type DirectoryHandle, directorySource } from './directory-source.js';
import { memorySource } from './memory-source.js';
import type { ModelSource } from './source.js';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);

/** A directory handle over files by path, as far as the source uses one. */
function fakeDirectory(name: string, files: Readonly<Record<string, Blob>>): DirectoryHandle {
  const notFound = () => Object.assign(new Error('no such entry'), { name: 'NotFoundError' });
  const top = new Set(Object.keys(files).map((path) => path.split('/')[0] as string));
  return {
    name,
    async getDirectoryHandle(folder) {
      const inside = Object.entries(files).filter(([path]) => path.startsWith(`${folder}/`));
      if (inside.length === 0) throw notFound();
      return fakeDirectory(
        folder,
        Object.fromEntries(inside.map(([path, blob]) => [path.slice(folder.length + 1), blob])),
      );
    },
    async getFileHandle(file) {
      const blob = files[file];
      if (!blob) throw notFound();
      return { getFile: async () => blob };
    },
    async *keys() {
      yield* top;
    },
  };
}

function inFolder(path: string): File {
  return Object.defineProperty(new File([bytes], path.split('/').at(-1) as string), 'webkitRelativePath', {
    value: path,
  });
}

describe.each<[string, () => Promise<ModelSource>]>([
  ['memorySource', async () => memorySource({ 'w.bin': bytes, 'sub/w.bin': bytes }, 'model')],
  ['blobSource of a folder', async () => blobSource([inFolder('model/w.bin'), inFolder('model/sub/w.bin')])],
  [
    'blobSource of a map',
    async () => blobSource(new Map(['w.bin', 'sub/w.bin'].map((path) => [path, new Blob([bytes])])), 'model'),
  ],
  [
    'directorySource',
    async () => directorySource(fakeDirectory('model', { 'w.bin': new Blob([bytes]), 'sub/w.bin': new Blob([bytes]) })),
  ],
  ['folderSource', async () => folderSource(join(root, 'model'))],
])('%s', (_, make) => {
  it('opens, lists and reads files', async () => {
    const source = await make();
    expect(source.name).toBe('model');
    expect(await source.list?.()).toContain('w.bin');
    for (const path of ['w.bin', 'sub/w.bin']) {
      const file = await source.open(path);
      expect(file?.size).toBe(1000);
      expect(await file?.read(10, 20)).toEqual(bytes.slice(10, 30));
      expect(await file?.read(1000, 0)).toEqual(new Uint8Array(0));
      await expect(file?.read(990, 11)).rejects.toMatchObject({ code: 'file_malformed' });
      await expect(file?.read(-1, 1)).rejects.toMatchObject({ code: 'file_malformed' });
      await expect(file?.read(0, 1, AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    }
  });

  it('has no other files', async () => {
    const source = await make();
    for (const path of [
      'x',
      'sub/x',
      'x/w.bin',
      'sub',
      '',
      '/',
      '../secret',
      'sub/../../secret',
      'sub/../w.bin',
      './w.bin',
    ]) {
      expect(await source.open(path), path).toBeUndefined();
    }
  });
});

let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pagemind-'));
  await mkdir(join(root, 'model/sub'), { recursive: true });
  await writeFile(join(root, 'secret'), 'secret');
  await writeFile(join(root, 'blob'), bytes);
  await writeFile(join(root, 'model/w.bin'), bytes);
  await symlink('../../blob', join(root, 'model/sub/w.bin')); // as the hub's cache does
});
afterAll(() => rm(root, { recursive: true }));

describe('sources of files that change', () => {
  it('folderSource notices a file that shrank', async () => {
    const path = join(root, 'model/shrinks.bin');
    await writeFile(path, bytes);
    const file = await folderSource(join(root, 'model')).open('shrinks.bin');
    await truncate(path, 500);
    await expect(file?.read(400, 200)).rejects.toMatchObject({ code: 'file_malformed' });
    await rm(path);
    await expect(file?.read(400, 200)).rejects.toMatchObject({ code: 'source_unreachable' });
  });

  it('blobSource reports a blob that can no longer be read', async () => {
    const gone = new Blob([bytes]);
    gone.slice = () => {
      throw new Error('the file was changed');
    };
    const file = await blobSource(new Map([['w.bin', gone]])).open('w.bin');
    await expect(file?.read(0, 1)).rejects.toMatchObject({ code: 'source_unreachable' });
  });

  it('blobSource takes files chosen one by one', async () => {
    const source = blobSource([new File([bytes], 'w.bin')]);
    expect(source.name).toBe('files');
    expect((await source.open('w.bin'))?.size).toBe(1000);
  });
});
