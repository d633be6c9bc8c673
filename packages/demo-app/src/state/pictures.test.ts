// The tray of pictures: order, limits, and pictures that come too late or cannot be read.
import { describe, expect, it } from 'vitest';
import { MAX_PICTURES, type Picture, PictureTray } from './pictures.js';

const given = (name: string): { name: string; blob: Blob } => ({ name, blob: new Blob([name]) });
const names = ({ pictures }: PictureTray): string[] => pictures.value.map(({ name }) => name);

/** Reads everything but what is called `broken`. */
async function thumbnailOf(blob: Blob): Promise<Blob> {
  if ((await blob.text()).startsWith('broken')) throw new Error('no picture');
  return blob;
}

describe('the tray', () => {
  it('keeps pictures in order until they are taken', async () => {
    const tray = new PictureTray(thumbnailOf);
    const added = tray.add([given('a'), given('b')]);
    expect(tray.isReading.value).toBe(true);
    await added;
    expect(tray.isReading.value).toBe(false);
    await tray.add([given('c')]);
    tray.remove(tray.pictures.value[1]?.id ?? 0);
    expect(names(tray)).toEqual(['a', 'c']);
    expect(tray.take().map(({ name }: Picture) => name)).toEqual(['a', 'c']);
    expect(names(tray)).toEqual([]);
  });

  it('says which pictures cannot be read, and takes the others', async () => {
    const tray = new PictureTray(thumbnailOf);
    await tray.add([given('broken.png'), given('a'), { name: '', blob: new Blob(['broken']) }]);
    expect(names(tray)).toEqual(['a']);
    expect(tray.problem.value).toEqual({ kind: 'unreadable', names: ['broken.png', '#3'] });
    await tray.add([given('b')]);
    expect(tray.problem.value).toBeUndefined();
  });

  it('takes so many, and no more', async () => {
    const tray = new PictureTray(thumbnailOf);
    await tray.add(Array.from({ length: MAX_PICTURES + 1 }, (_, index) => given(String(index))));
    expect(names(tray)).toHaveLength(MAX_PICTURES);
    expect(tray.problem.value).toEqual({ kind: 'too-many' });
  });

  it('that is cleared while it reads stays empty', async () => {
    const tray = new PictureTray(thumbnailOf);
    const added = tray.add([given('a'), given('broken')]);
    tray.clear();
    await added;
    expect(names(tray)).toEqual([]);
    expect(tray.problem.value).toBeUndefined();
    expect(tray.isReading.value).toBe(false);
  });

  it('gives every picture an id of its own', async () => {
    const tray = new PictureTray(thumbnailOf);
    await tray.add([given('a'), given('a')]);
    const { id } = await tray.read(given('a'));
    expect(new Set([id, ...tray.pictures.value.map((picture) => picture.id)]).size).toBe(3);
  });
});
