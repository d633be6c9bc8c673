// Finds the quantised matrices of a checkpoint and reads the little of them that planning depends on: which group every
// column belongs to. Layouts are quantized.ts; no other tensor is read here.
import { PagemindError } from '../errors.js';
import { readQuantization } from './quantization.js';
import { methodOf, type QuantizedMatrix, readQuantized } from './quantized.js';
import type { TensorEntry } from './tensor-entry.js';

/** Small tensors that are read at a time. */
const MAX_READS = 16;

const MAIN_TENSOR = /\.(qweight|weight_packed|scales)$/;

/**
 * The quantised matrices of a checkpoint by the names that they would have if they were not: `<stem>.weight`.
 * @throws PagemindError `tensor_missing`, `tensor_mismatch`, `unsupported_format`, `invalid_config`, and what reading throws.
 */
export async function findQuantized(
  tensors: ReadonlyMap<string, TensorEntry>,
  config: Readonly<Record<string, unknown>>,
  readText: (path: string) => Promise<string | undefined>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, QuantizedMatrix>> {
  const matrices = new Map<string, QuantizedMatrix>();
  const names = [...tensors.keys()];
  if (!names.some((name) => MAIN_TENSOR.test(name))) return matrices;
  const quantization = await readQuantization(config, readText);
  for (const name of names) {
    const found = readQuantized(name, tensors, quantization);
    if (found) matrices.set(`${found.stem}.weight`, found.matrix);
  }
  const indexed = [...matrices].filter(([, { index }]) => index);
  for (let start = 0; start < indexed.length; start += MAX_READS) {
    const some = indexed.slice(start, start + MAX_READS);
    const read = await Promise.all(some.map(([name, matrix]) => readGroups(name, matrix, signal)));
    some.forEach(([name, matrix], i) => {
      const groupOf = read[i];
      if (groupOf) matrices.set(name, { ...matrix, groupOf });
    });
  }
  return matrices;
}

/** What {@link checkModelFormat} looks at of a checkpoint. */
interface Opened {
  readonly name: string;
  readonly quantized?: ReadonlyMap<string, QuantizedMatrix>;
  readonly packed?: unknown;
}

/**
 * Checks what a user says of a checkpoint's quantisation against its tensors.
 * @throws PagemindError `invalid_option`.
 */
export function checkModelFormat({ name, quantized, packed }: Opened, said: string = 'hf'): void {
  const layouts = [...(quantized?.values() ?? [])].map(({ layout }) => layout);
  const other = layouts.find((layout) => methodOf(layout) !== said);
  if (said === 'hf' || (layouts.length > 0 && other === undefined)) return;
  const found = other ?? (packed ? 'packed' : 'not quantised');
  throw new PagemindError(
    'invalid_option',
    `The option modelFormat is '${said}', but the weights of ${name} are ${found}.`,
    {
      hint: 'Leave modelFormat out: the format is seen from the files.',
    },
  );
}

/** The group of every column; undefined when groups are columns in a row. */
async function readGroups(
  name: string,
  { index, numCols, options }: QuantizedMatrix,
  signal: AbortSignal | undefined,
): Promise<Uint16Array | undefined> {
  if (!index) return undefined;
  const { groupSize } = options;
  const bytes = await index.source.read(index.offset, index.length, signal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: numCols }, (_, column) => view.getInt32(column * 4, true));
  const numGroups = Math.ceil(numCols / groupSize);
  const wrong = groups.findIndex((group) => group < 0 || group >= numGroups);
  if (wrong >= 0 || numGroups > 65536) {
    const reason = `g_idx puts column ${wrong} into group ${groups[wrong]} of ${numGroups}`;
    throw new PagemindError('tensor_mismatch', `${name}: ${reason}.`, { hint: 'The checkpoint is damaged.' });
  }
  const isInOrder = groups.every((group, column) => group === Math.floor(column / groupSize));
  return isInOrder ? undefined : Uint16Array.from(groups);
}
