// Where the tensors of a file of torch.save lie: a zip archive with a pickle and an entry for every storage. The pickle is
// read by pickle.ts, which runs nothing of it.
import { PagemindError } from '../errors.js';
import { type Pickled, PickledTensor, unpickle } from './pickle.js';
import { DTYPE_BYTES, type TensorLocation } from './safetensors.js';
import type { ByteSource } from './source.js';
import { openZip, type ZipArchive, type ZipEntry } from './zip.js';

const MAX_PICKLE_BYTES = 64 * 2 ** 20;
const MAX_DIMS = 8;
/** Headers of entries that are read at one time. */
const MAX_READS = 8;

/** Keys under which training frameworks keep the state of the model. */
const STATE_KEYS: readonly string[] = ['state_dict', 'model_state_dict', 'model', 'module'];

/**
 * Reads where the tensors of a checkpoint of PyTorch lie.
 * @throws PagemindError `file_malformed`; `unsupported_format` for files of other kinds, for what only running the pickle
 * could tell, and for tensors that are not contiguous.
 */
export async function readPytorchFile(
  source: ByteSource,
  path: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, TensorLocation>> {
  await refuseOldFormat(source, path, signal);
  const archive = await openZip(source, path, signal);
  const pickle = findPickle(archive, path);
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const readEntry = async (entry: ZipEntry): Promise<Uint8Array> =>
    source.read(await archive.dataStart(entry, signal), entry.size, signal);
  const order = archive.entries.get(`${folder}byteorder`);
  if (order && order.size < 16 && new TextDecoder().decode(await readEntry(order)) !== 'little') {
    throw unsupported(path, 'its numbers are big-endian');
  }
  const state = stateOf(unpickle(await readEntry(pickle), path), path);

  const starts = await dataStarts(archive, [...state.values()], folder, path, signal);
  const tensors = new Map<string, TensorLocation>();
  for (const [name, tensor] of state) {
    const { storage, offset, shape } = tensor;
    const bytes = DTYPE_BYTES[storage.dtype];
    const numElements = checkShape(tensor, name, path);
    const start = starts.get(storage.key) ?? 0;
    tensors.set(name, { dtype: storage.dtype, shape, offset: start + offset * bytes, length: numElements * bytes });
  }
  return tensors;
}

/** Before version 1.6, files were a sequence of pickles. */
async function refuseOldFormat(source: ByteSource, path: string, signal: AbortSignal | undefined): Promise<void> {
  const [first, second] = await source.read(0, Math.min(2, source.size), signal);
  const isPickle = first === 0x80 && second !== undefined && second <= 5;
  if (isPickle) throw unsupported(path, 'it was saved by PyTorch before version 1.6, or in its manner');
}

function findPickle({ entries }: ZipArchive, path: string): ZipEntry {
  const pickles = [...entries.values()].filter(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (!pickle || pickles.length > 1) throw malformed(path, 'the archive is not one of torch.save');
  if (pickle.size > MAX_PICKLE_BYTES) throw malformed(path, `its pickle has ${pickle.size} bytes`);
  return pickle;
}

/** Tensors by name: of the pickled dict, or of the dict that it keeps under one of the usual keys. */
function stateOf(value: Pickled, path: string): ReadonlyMap<string, PickledTensor> {
  const tensorsOf = (dict: Pickled | undefined): Map<string, PickledTensor> => {
    const entries: [Pickled, Pickled][] = dict instanceof Map ? [...dict] : [];
    return new Map(
      entries.filter((entry): entry is [string, PickledTensor] => {
        const [name, tensor] = entry;
        return typeof name === 'string' && tensor instanceof PickledTensor;
      }),
    );
  };
  const nested = value instanceof Map ? STATE_KEYS.map((key) => value.get(key)) : [];
  const found = [value, ...nested].map(tensorsOf).find(({ size }) => size > 0);
  if (!found) throw malformed(path, 'it holds no tensors by name');
  return found;
}

/** First byte of every storage that tensors use. */
async function dataStarts(
  archive: ZipArchive,
  tensors: readonly PickledTensor[],
  folder: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  const storages = [...new Set(tensors.map(({ storage }) => storage))];
  const starts = new Map<string, number>();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let storage = storages[next++]; storage; storage = storages[next++]) {
      const { key, dtype, length } = storage;
      const entry = archive.entries.get(`${folder}data/${key}`);
      const bytes = length * DTYPE_BYTES[dtype];
      if (!entry) throw malformed(path, `storage ${quote(key)} is missing`);
      if (entry.size < bytes) throw malformed(path, `storage ${quote(key)} has ${entry.size} bytes, expected ${bytes}`);
      starts.set(key, await archive.dataStart(entry, signal));
    }
  };
  await Promise.all(Array.from({ length: MAX_READS }, worker));
  return starts;
}

/** Checks that a tensor is a run of its storage's elements, and counts them. */
function checkShape({ storage, offset, shape, strides }: PickledTensor, name: string, path: string): number {
  const what = `tensor ${quote(name)}`;
  const numElements = shape.reduce((product, size) => product * size, 1);
  if (shape.length > MAX_DIMS || !Number.isSafeInteger(numElements * 8)) {
    throw malformed(path, `${what} has the shape [${shape.slice(0, MAX_DIMS).join(', ')}]`);
  }
  let expected = 1;
  let isContiguous = true;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim] ?? 0;
    if (size !== 1 && numElements > 0 && strides[dim] !== expected) isContiguous = false;
    expected *= size;
  }
  if (!isContiguous) throw unsupported(path, `${what} is not contiguous`);
  if (offset + numElements > storage.length) {
    throw malformed(path, `${what} ends at element ${offset + numElements}, its storage at ${storage.length}`);
  }
  return numElements;
}

/** A value of the file inside a message: quoted, escaped and not endless. */
function quote(value: unknown): string {
  return JSON.stringify(`${value}`.slice(0, 120));
}

function unsupported(path: string, reason: string): PagemindError {
  return new PagemindError('unsupported_format', `${path} cannot be read: ${reason}.`, {
    hint: 'Save it again with a newer torch.save, its tensors made contiguous, or convert it to safetensors.',
  });
}

function malformed(path: string, reason: string): PagemindError {
  return new PagemindError('file_malformed', `${path} cannot be read: ${reason}.`, {
    hint: 'The file is damaged, or no checkpoint of PyTorch; download it again.',
  });
}
