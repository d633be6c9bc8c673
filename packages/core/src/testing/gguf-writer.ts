// Writes small GGUF files for tests. The library's own reader, which checks everything, is in load/.

/** A value with its type number; a list has the type of its elements. */
export type GgufItem =
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'f32'; readonly value: number }
  | { readonly type: 'u64'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'list'; readonly of: 'u32' | 'f32' | 'text' | 'list'; readonly value: readonly GgufItem[] };

/** A tensor; `dims` as GGUF writes them, the fastest first. */
export interface GgufTensorData {
  readonly type: number;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

const TYPES = { u32: 4, f32: 6, bool: 7, text: 8, list: 9, u64: 10 } as const;

/** Whole numbers become u32, other numbers f32, lists of strings or numbers lists. */
export function item(value: number | boolean | string | readonly (number | string)[]): GgufItem {
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'u32' : 'f32', value };
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'string') return { type: 'text', value };
  const isText = value.some((element) => typeof element === 'string');
  const of = isText ? 'text' : value.every(Number.isInteger) ? 'u32' : 'f32';
  return { type: 'list', of, value: value.map((element) => ({ type: of, value: element }) as GgufItem) };
}

/** The bytes of a file of version 3. */
export function writeGguf(
  metadata: Readonly<Record<string, GgufItem>>,
  tensors: Readonly<Record<string, GgufTensorData>> = {},
  alignment = 32,
): Uint8Array {
  const bytes: number[] = [];
  const push = (size: number, write: (view: DataView) => void): void => {
    const view = new DataView(new ArrayBuffer(size));
    write(view);
    bytes.push(...new Uint8Array(view.buffer));
  };
  const u32 = (value: number): void => push(4, (view) => view.setUint32(0, value, true));
  const u64 = (value: number): void => push(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const text = (value: string): void => {
    const encoded = new TextEncoder().encode(value);
    u64(encoded.length);
    bytes.push(...encoded);
  };
  const put = (entry: GgufItem): void => {
    if (entry.type === 'u32') u32(entry.value);
    else if (entry.type === 'u64') u64(entry.value);
    else if (entry.type === 'f32') push(4, (view) => view.setFloat32(0, entry.value, true));
    else if (entry.type === 'bool') bytes.push(entry.value ? 1 : 0);
    else if (entry.type === 'text') text(entry.value);
    else {
      u32(TYPES[entry.of]);
      u64(entry.value.length);
      entry.value.forEach(put);
    }
  };
  const aligned = (length: number): number => Math.ceil(length / alignment) * alignment;

  u32(0x46554747);
  u32(3);
  u64(Object.keys(tensors).length);
  u64(Object.keys(metadata).length);
  for (const [key, entry] of Object.entries(metadata)) {
    text(key);
    u32(TYPES[entry.type]);
    put(entry);
  }
  let offset = 0;
  for (const [name, { type, dims, data }] of Object.entries(tensors)) {
    text(name);
    u32(dims.length);
    dims.forEach(u64);
    u32(type);
    u64(offset);
    offset = aligned(offset + data.length);
  }
  const start = aligned(bytes.length);
  const file = new Uint8Array(start + offset);
  file.set(bytes);
  let at = start;
  for (const { data } of Object.values(tensors)) {
    file.set(data, at);
    at = aligned(at + data.length);
  }
  return file;
}
