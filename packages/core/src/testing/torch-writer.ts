// Writes files in the manner of torch.save for tests: a zip archive of stored entries and a pickle of protocol 2. The
// library's own reader, which checks everything, is in load/.

/** An entry of an archive. */
export type ArchiveEntry = readonly [name: string, data: Uint8Array];

/** How to write an archive otherwise than torch.save does. */
export interface ArchiveOptions {
  /** The numbers of the directory stand in ZIP64's fields. */
  readonly isZip64?: boolean;
  readonly method?: number;
  readonly comment?: string;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function record(signature: number, fields: readonly (readonly [size: 2 | 4 | 8, value: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + fields.reduce((sum, [size]) => sum + size, 0)));
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A zip archive; checksums and dates are zero, since nobody reads them. */
export function writeZip(entries: readonly ArchiveEntry[], options: ArchiveOptions = {}): Uint8Array {
  const { isZip64 = false, method = 0, comment = '' } = options;
  const full = 0xffffffff;
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  const lengthOf = (list: readonly Uint8Array[]): number => list.reduce((sum, { length }) => sum + length, 0);
  for (const [name, data] of entries) {
    const start = lengthOf(parts);
    const { length } = data;
    const long = record(0x00180001, [
      [8, length],
      [8, length],
      [8, start],
    ]);
    const sizes = isZip64 ? full : length;
    const nameBytes = bytesOf(name);
    const common = [
      [2, 0],
      [2, method],
      [4, 0],
      [4, 0],
    ] as const;
    parts.push(
      record(0x04034b50, [[2, 0], ...common, [4, length], [4, length], [2, nameBytes.length], [2, 3]]),
      ...[nameBytes, new Uint8Array(3), data], // the extra field here is longer than the directory says
    );
    directory.push(
      record(0x02014b50, [
        ...([[2, 0], [2, 0], ...common, [4, sizes], [4, sizes], [2, nameBytes.length]] as const),
        ...([
          [2, isZip64 ? long.length : 0],
          [2, 0],
          [2, 0],
          [2, 0],
          [4, 0],
          [4, isZip64 ? full : start],
        ] as const),
      ]),
      nameBytes,
      ...(isZip64 ? [long] : []),
    );
  }
  const [start, size, count] = [lengthOf(parts), lengthOf(directory), entries.length];
  const end64 = [
    record(0x06064b50, [
      [8, 44],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, 0],
      [8, count],
      [8, count],
      [8, size],
      [8, start],
    ]),
    record(0x07064b50, [
      [4, 0],
      [8, start + size],
      [4, 1],
    ]),
  ];
  const end = isZip64 ? [0xffff, full, full] : [count, size, start];
  return join([
    ...parts,
    ...directory,
    ...(isZip64 ? end64 : []),
    record(0x06054b50, [
      [2, 0],
      [2, 0],
      [2, end[0] ?? 0],
      [2, end[0] ?? 0],
      [4, end[1] ?? 0],
      [4, end[2] ?? 0],
      [2, comment.length],
    ]),
    bytesOf(comment),
  ]);
}

/** A tensor and where its elements lie in its storage. */
export interface TorchTensor {
  readonly storage: Float32Array | Uint16Array | Int32Array;
  /** Class of the storage; default: of f32. */
  readonly storageClass?: string;
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const latin = (text: string): number[] => Array.from(text, (char) => char.charCodeAt(0));
const u32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
const text = (value: string): number[] => [0x58, ...u32(bytesOf(value).length), ...bytesOf(value)];
const int = (value: number): number[] => [0x4a, ...u32(value)];
const tuple = (...items: readonly number[][]): number[] => [0x28, ...items.flat(), 0x74];
const global = (module: string, name: string): number[] => latin(`c${module}\n${name}\n`);

/** A state dict as torch.save writes it: tensors over the same storage share it. */
export function writeTorch(
  tensors: Readonly<Record<string, TorchTensor>>,
  options: ArchiveOptions & { readonly byteOrder?: string } = {},
): Uint8Array {
  const storages = [...new Set(Object.values(tensors).map(({ storage }) => storage))];
  const entries = storages.map(
    (storage, key): ArchiveEntry => [`archive/data/${key}`, new Uint8Array(storage.slice().buffer)],
  );
  const items = Object.entries(tensors).flatMap(([name, { storage, storageClass, offset = 0, shape, strides }]) => {
    const key = storages.indexOf(storage);
    const id = tuple(
      text('storage'),
      global('torch', storageClass ?? 'FloatStorage'),
      text(`${key}`),
      text('cpu'),
      int(storage.length),
    );
    const hooks = [...global('collections', 'OrderedDict'), 0x29, 0x52];
    const args = tuple([...id, 0x51], int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), [0x89], hooks);
    return [...text(name), ...global('torch._utils', '_rebuild_tensor_v2'), ...args, 0x52];
  });
  const pickle = [0x80, 2, 0x7d, 0x28, ...items, 0x75, 0x2e];
  const { byteOrder = 'little' } = options;
  return writeZip(
    [['archive/data.pkl', Uint8Array.from(pickle)], ['archive/byteorder', bytesOf(byteOrder)], ...entries],
    options,
  );
}
