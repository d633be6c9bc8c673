// Reads the metadata of a GGUF file, for tests that take a vocabulary from one. Not for use outside tests.

/** Sizes of GGUF's numbers by type; 8 is a text, 9 a list. */
const SIZES: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const TEXT = 8;
const LIST = 9;

/** Texts and lists of texts by key; everything else is left out. */
export function readGgufTexts(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 16;
  const skip = (length: number): number => {
    at += length;
    return at - length;
  };
  const u32 = (): number => view.getUint32(skip(4), true);
  const u64 = (): number => Number(view.getBigUint64(skip(8), true));
  const text = (): string => {
    const length = u64();
    return new TextDecoder().decode(bytes.subarray(skip(length), at));
  };
  const value = (type: number): unknown => {
    if (type === TEXT) return text();
    if (type === LIST) {
      const itemType = u32();
      return Array.from({ length: u64() }, () => value(itemType));
    }
    skip(SIZES[type] ?? 0);
    return undefined;
  };
  return new Map(Array.from({ length: u64() }, () => [text(), value(u32())]));
}
