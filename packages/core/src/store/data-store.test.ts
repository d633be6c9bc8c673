// Data by name, in memory and on disk: what is stored comes back, whatever it is called, and what was damaged is told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { diskFolder } from '../platform/node-folder.js';
import { MemoryFolder } from '../testing/memory-folder.js';
import { DataStore } from './data-store.js';
import type { Folder } from './folder.js';
import { writeRecords } from './records.js';

const root = mkdtempSync(join(tmpdir(), 'pagemind-store-'));
afterAll(() => rmSync(root, { recursive: true }));

let numFolders = 0;
const makers: readonly [string, () => Folder][] = [
  ['memory', () => new MemoryFolder()],
  ['disk', () => diskFolder(join(root, String(numFolders++), 'made', 'when', 'needed'))],
];

/** Has a part twice, strings that look like marks, and every kind of number. */
function sample() {
  const blob = new Blob(['a picture'], { type: 'image/png' });
  return {
    text: ['', '\0', '\u00000', '\0\0x', 'ä中\u{1f600}'],
    numbers: [0, -1.5, 1e300, null, true],
    blobs: [blob, { again: blob }],
    arrays: [
      new Uint8Array([1, 2, 3]),
      new Uint8ClampedArray([4]),
      new Float32Array([0.5, Number.NaN]),
      new Int32Array(new Int32Array([7, 8, 9]).buffer, 4, 2),
      new Float64Array(0),
    ],
    ['__proto__x']: { constructor: 1 },
  };
}

describe.each(makers)('in %s', (_, make) => {
  it('gives back what was saved, parts that were one as one', async () => {
    const store = new DataStore(make());
    const data = sample();
    await store.save('a', data);
    const loaded = (await store.load('a')) as typeof data;
    expect({ ...loaded, blobs: [] }).toEqual({ ...data, blobs: [] });
    const [blob, { again }] = loaded.blobs as [Blob, { again: Blob }];
    expect([await blob.text(), blob.type, blob === again]).toEqual(['a picture', 'image/png', true]);
    expect(loaded.arrays.map((array) => array.constructor)).toEqual(data.arrays.map((array) => array.constructor));
  });

  it('replaces, lists and deletes, each kind for itself', async () => {
    const folder = make();
    const [store, others] = [new DataStore(folder), new DataStore(folder, 'other')];
    expect([await store.list(), await store.load('a')]).toEqual([[], undefined]);
    await store.delete('a');
    await store.save('a', 1);
    await store.save('a', 2);
    await store.save('b', [3]);
    await others.save('a', 'not mine');
    expect([...(await store.list())].sort()).toEqual(['a', 'b']);
    await store.delete('a');
    expect([await store.list(), await store.load('a'), await store.load('b')]).toEqual([['b'], undefined, [3]]);
    expect(await others.load('a')).toBe('not mine');
  });

  it('keeps what was there when saving fails', async () => {
    const folder = make();
    const store = new DataStore(folder);
    await store.save('a', 'old');
    const gone = Object.assign(new Blob(['x']), { arrayBuffer: () => Promise.reject(new Error('gone')) });
    await expect(store.save('a', [new Uint8Array(9), gone])).rejects.toMatchObject({ code: 'source_unreachable' });
    expect([await store.load('a'), await folder.list()]).toEqual(['old', ['data-a']]);
  });

  it('stores under any name, and nowhere else', async () => {
    const folder = make();
    const store = new DataStore(folder);
    const names = ['../../etc/passwd', '/', '..', 'con', 'A', 'a', 'a.b', '_', '\0', '中文', 'a b', 'x'.repeat(190)];
    for (const name of names) await store.save(name, name);
    for (const name of names) expect(await store.load(name)).toBe(name);
    expect([...(await store.list())].sort()).toEqual([...names].sort());
    for (const file of await folder.list()) expect(file).toMatch(/^data-[a-z0-9_-]+$/);
  });

  it.each(['', 'x'.repeat(196), '中'.repeat(30), '\ud800'])('refuses the name %j', async (name) => {
    const store = new DataStore(make());
    await expect(store.save(name, 1)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(store.load(name)).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(store.delete(name)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

it('spells names apart, and back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })), async (names) => {
      const folder = new MemoryFolder();
      const store = new DataStore(folder);
      for (const name of names) await store.save(name, name);
      expect([...(await store.list())].sort()).toEqual([...names].sort());
      expect(new Set(Array.from(folder.files.keys(), (file) => file.toLowerCase())).size).toBe(names.length);
    }),
    { numRuns: 40 },
  );
});

it('does not list what it did not write', async () => {
  const folder = new MemoryFolder();
  for (const file of ['data-', 'data-A', 'data-_4', 'data-_41_', 'data-_61', 'data-a.x', 'a', 'data-_c3']) {
    folder.files.set(file, new Uint8Array(1));
  }
  expect(await new DataStore(folder).list()).toEqual([]);
});

it('gives back any JSON', async () => {
  const store = new DataStore(new MemoryFolder());
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 4 }), async (data) => {
      await store.save('a', data);
      expect(await store.load('a')).toEqual(JSON.parse(JSON.stringify(data)));
    }),
    { numRuns: 60 },
  );
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['a function', () => 1],
  ['a big integer', { a: 1n }],
  ['a map', { a: new Map() }],
  ['an object of a class', [new DataStore(new MemoryFolder())]],
  ['memory without a type', { a: new DataView(new ArrayBuffer(4)) }],
  ['big integers', new BigInt64Array(1)],
])('refuses %s', async (_, data) => {
  const store = new DataStore(new MemoryFolder());
  await expect(store.save('a', data)).rejects.toMatchObject({ code: 'invalid_request' });
  const ring: unknown[] = [];
  ring.push(ring);
  await expect(store.save('a', ring)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await store.list()).toEqual([]);
});

describe('a file that is not what was written', () => {
  async function stored(): Promise<{ folder: MemoryFolder; store: DataStore; bytes: Uint8Array<ArrayBuffer> }> {
    const folder = new MemoryFolder();
    const store = new DataStore(folder);
    await store.save('a', sample());
    return { folder, store, bytes: folder.files.get('data-a') as Uint8Array<ArrayBuffer> };
  }

  it('is refused when one byte of it is another', async () => {
    const { folder, store, bytes } = await stored();
    for (let at = 0; at < bytes.length; at += 3) {
      folder.files.set('data-a', bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))));
      await expect(store.load('a'), `byte ${at}`).rejects.toMatchObject({ code: 'file_malformed' });
    }
  });

  it('is refused wherever it ends', async () => {
    const { folder, store, bytes } = await stored();
    for (let length = 0; length < bytes.length; length += 3) {
      folder.files.set('data-a', bytes.slice(0, length));
      await expect(store.load('a'), `${length} bytes`).rejects.toMatchObject({ code: 'file_malformed' });
    }
  });

  it('is refused whatever its records say', async () => {
    const text = fc.oneof(fc.json(), fc.constantFrom('[]', '[{}]', '[{"kind":"Blob","type":""}]', '"\\u00000"', '['));
    const record = fc.oneof(
      text.map((json) => new TextEncoder().encode(json)),
      fc
        .constantFrom('{"kind":"Float64Array"}', '{"kind":"toString"}', 'null')
        .map((one) => new TextEncoder().encode(`[${one}]`)),
      fc.uint8Array({ maxLength: 9 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 4 }), async (records) => {
        const folder = new MemoryFolder();
        await folder.write('data-a', sealed(records));
        const outcome = await new DataStore(folder).load('a').then(
          () => 'loaded',
          (error) => error.code,
        );
        expect(['loaded', 'file_malformed']).toContain(outcome);
      }),
      { numRuns: 300 },
    );
  });
});

/** Records that nobody has checked, with true lengths and hashes. */
async function* sealed(records: readonly Uint8Array[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* writeRecords(
    (async function* () {
      for (const record of records) yield new Uint8Array(record);
    })(),
  );
}
