// Uses the library's store as an app would, in whichever thread it is called. Plain data out.
import { dataStore, PagemindError } from '@pagemind/core/client';

/** What came of it. */
export interface Storing {
  readonly names: readonly string[];
  readonly text: unknown;
  readonly file: string;
  readonly fileType: string;
  readonly pixels: readonly number[];
  readonly replaced: unknown;
  /** Code of the error that saving what cannot be stored brought, and what was there afterwards. */
  readonly refused: string;
  readonly kept: unknown;
  readonly namesAfter: readonly string[];
}

interface Data {
  readonly text: string;
  readonly file: Blob;
  readonly pixels: Uint8ClampedArray;
}

export async function useStore(): Promise<Storing> {
  const store = dataStore('harness');
  await store.save('../a name/ä', {
    text: 'what was said',
    file: new Blob(['a picture'], { type: 'image/png' }),
    pixels: new Uint8ClampedArray([1, 2, 3]),
  });
  await store.save('b', 1);
  const names = [...(await store.list())].sort();
  const { text, file, pixels } = (await store.load('../a name/ä')) as Data;
  await store.save('b', { second: true });
  const replaced = await store.load('b');
  const refused = await store.save('b', { part: new Uint8Array(9), other: new Map() }).then(
    () => 'none',
    (error) => (error instanceof PagemindError ? error.code : String(error)),
  );
  const kept = await store.load('b');
  for (const name of ['../a name/ä', 'b', 'never there']) await store.delete(name);
  const fileText = await file.text();
  const said = { text, file: fileText, fileType: file.type, pixels: [...pixels] };
  return { names, ...said, replaced, refused, kept, namesAfter: await store.list() };
}
