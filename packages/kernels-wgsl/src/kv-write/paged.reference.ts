// f64 model of the paged cache and of attention over it, and test data for the kernels around it.
// Data lie on coarse grids unless the cache is f32, angles included: no device has to round a turned key or a cached one.
// Keys and cosines are odd multiples, sines even ones: no turned element is zero, whose sign would be open.
import { f32ToF16 } from '@pagemind/quant';
import type { Random } from '../../testing/parity.js';
import { type HeadTraits, learnedLayout, type ScoreTraits } from '../lib/attention-traits.js';
import { codeBits, codePlace, placeOf, quantise, writeLine } from './codes.reference.js';
import { type KvShape, kvPageBytes } from './kv-cache.js';

export interface PagedShape extends KvShape, HeadTraits, ScoreTraits {}

export interface Token {
  readonly slot: number;
  readonly position: number;
}

export interface PagedData {
  /** The cache's elements, as a kernel reads them. */
  readonly kv: Float64Array;
  /** The same as codes and grids; empty for floats. */
  readonly coded: Uint8Array;
  /** Bytes of `coded` that a device may round either way. */
  readonly open: Set<number>;
  /** `[numSlots, maxPages]`. */
  readonly pageTable: Uint32Array;
  /** `[numRopeRows, rotaryDim / 2, 2]`: (cos, sin); the rows lie in reverse, see {@link ropeRowOf}. */
  readonly rope: Float32Array;
  readonly numRopeRows: number;
  /** Gammas of q and k, sinks. */
  readonly learned: Float32Array;
}

/** Softmax state and outputs of all query heads of a row over some of its keys. */
export interface Attended {
  /** `[numQueryHeads]`: the largest score. */
  readonly top: Float64Array;
  /** `[numQueryHeads]`: the sum of exp(score - top). */
  readonly sum: Float64Array;
  /** `[numQueryHeads, headDim]`. */
  readonly output: Float64Array;
}

/** A cache of shuffled pages with random contents for slots of at most `capacity` tokens. */
export function makePaged(shape: PagedShape, numSlots: number, random: Random): PagedData {
  const numPages = numSlots * shape.maxPages;
  const pageTable = Uint32Array.from({ length: numPages }, (_, index) => index);
  for (let i = numPages - 1; i > 0; i--) {
    const j = random.int(i + 1);
    [pageTable[i], pageTable[j]] = [pageTable[j] as number, pageTable[i] as number];
  }
  const numElements = numPages * shape.numKvHeads * 2 * shape.pageSize * shape.headDim;
  const numRopeRows = shape.maxPages * shape.pageSize;
  const angles = Float32Array.from({ length: numRopeRows * (shape.rotaryDim / 2) }, () => 7 * random.uniform());
  const isExact = shape.kvType !== 'f32';
  const data: PagedData = {
    kv: Float64Array.from({ length: numElements }, () => onGrid(random.normal(), isExact ? 16 : 0, 1)),
    coded: new Uint8Array(codeBits(shape.kvType) && numPages * kvPageBytes(shape)),
    open: new Set(),
    pageTable,
    rope: Float32Array.from({ length: 2 * angles.length }, (_, i) => {
      const angle = angles[i >> 1] ?? 0;
      return onGrid(i % 2 === 0 ? Math.cos(angle) : Math.sin(angle), isExact ? 8 : 0, 1 - (i % 2));
    }),
    numRopeRows,
    learned: random.normals(Math.max(learnedLayout(shape, shape).length, 1)),
  };
  if (data.coded.length > 0) fillCodes(shape, data, random);
  return data;
}

/** Random lines of codes, whose elements are f32 without rounding. */
function fillCodes(shape: PagedShape, data: PagedData, random: Random): void {
  const numCodes = shape.kvType === 'int8' ? 256 : 16;
  for (let line = 0; line * shape.headDim < data.kv.length; line++) {
    const scale = (8 + random.int(16)) / (4 * numCodes);
    const zero = -(1 + random.int(48)) / 16;
    const codes = Uint8Array.from({ length: shape.headDim }, () => random.int(numCodes));
    writeLine(shape, data.coded, line, { codes, scale, zero });
    data.kv.set(
      Float64Array.from(codes, (code) => code * scale + zero),
      line * shape.headDim,
    );
  }
}

/** qkv `[numRows, qkvStride]` of random tokens, zero in the padding. */
export function makeQkv(shape: PagedShape, numRows: number, random: Random): Float32Array {
  const grid = shape.kvType === 'f32' ? 0 : 16;
  const width = (shape.numQueryHeads + 2 * shape.numKvHeads) * shape.headDim;
  return Float32Array.from({ length: numRows * shape.qkvStride }, (_, i) => {
    const column = i % shape.qkvStride;
    if (column >= width) return 0;
    return onGrid(random.normal(), column < shape.numQueryHeads * shape.headDim ? 0 : grid, 1);
  });
}

/** `rows` binding. */
export function packRows(data: PagedData, tokens: readonly Token[]): Uint32Array {
  return Uint32Array.from(tokens.flatMap(({ slot, position }) => [slot, position, 0, ropeRowOf(data, position)]));
}

/** `kv` binding. */
export function packKv({ kvType }: PagedShape, { kv, coded }: PagedData): Float32Array | Uint16Array | Uint8Array {
  if (coded.length > 0) return coded.slice();
  return kvType === 'f32' ? Float32Array.from(kv) : Uint16Array.from(kv, f32ToF16);
}

/** `kv` binding as it must be after a kernel; NaN where more than one answer is right. */
export function expectedKv(shape: PagedShape, data: PagedData): Float64Array {
  return Float64Array.from(packKv(shape, data), (value, index) => (data.open.has(index) ? Number.NaN : value));
}

/** Turns q of one row in `qkv` and writes its k and v into `data.kv`. Returns turned q `[numQueryHeads, headDim]`. */
export function writeReference(
  shape: PagedShape,
  data: PagedData,
  qkv: Float32Array,
  row: number,
  token: Token,
): Float64Array {
  const { headDim, numQueryHeads, numKvHeads, lognLength = Number.POSITIVE_INFINITY } = shape;
  const values = Float64Array.from(qkv.subarray(row * shape.qkvStride, (row + 1) * shape.qkvStride));
  normHeads(shape, data, values);
  const head = (index: number): Float64Array => values.subarray(index * headDim, (index + 1) * headDim);
  for (let h = 0; h < numKvHeads; h++) {
    const at = keyIndex(shape, data, h, token);
    storeLine(shape, data, at, turn(shape, data, head(numQueryHeads + h), token.position));
    storeLine(shape, data, at + shape.pageSize * headDim, head(numQueryHeads + numKvHeads + h));
  }
  const turned = new Float64Array(numQueryHeads * headDim);
  for (let h = 0; h < numQueryHeads; h++) turned.set(turn(shape, data, head(h), token.position), h * headDim);
  const numTokens = token.position + 1;
  const growth = numTokens > lognLength ? Math.log(numTokens) / Math.log(lognLength) : 1;
  return turned.map((value) => value * growth);
}

function storeLine(shape: PagedShape, data: PagedData, at: number, values: Float64Array): void {
  const bits = codeBits(shape.kvType);
  if (bits === 0) {
    data.kv.set(values, at);
    return;
  }
  const line = at / shape.headDim;
  const coded = quantise(values, bits);
  writeLine(shape, data.coded, line, coded);
  data.kv.set(
    Float64Array.from(coded.codes, (code) => code * coded.scale + coded.zero),
    at,
  );
  for (const [d, isOpen] of coded.isOpen.entries()) {
    if (isOpen) data.open.add(placeOf(shape, line).codes + codePlace(bits, d).byte);
  }
}

/** RMSNorm of q and of k, in place; v stays. */
function normHeads(shape: PagedShape, { learned }: PagedData, values: Float64Array): void {
  const { headDim, numQueryHeads, numKvHeads, queryKeyNorm, normEpsilon = 0 } = shape;
  if (queryKeyNorm === undefined) return;
  const keysAt = numQueryHeads * headDim;
  const keyGammas = learnedLayout(shape, shape).key;
  const widths = queryKeyNorm === 'head' ? [headDim, headDim] : [keysAt, numKvHeads * headDim];
  for (let at = 0; at < keysAt + numKvHeads * headDim; ) {
    const [width = 0, gammas] = at < keysAt ? [widths[0], 0] : [widths[1], keyGammas];
    const span = values.subarray(at, at + width);
    const scale = 1 / Math.sqrt(span.reduce((sum, value) => sum + value ** 2, 0) / width + normEpsilon);
    span.forEach((value, i) => {
      span[i] = value * scale * (learned[gammas + i] ?? 0);
    });
    at += width;
  }
}

/** Attention of turned queries at `position` over those of positions `first` to `last` that they see, one at least. */
export function attendReference(
  shape: PagedShape,
  data: PagedData,
  queries: ArrayLike<number>,
  { slot, position }: Token,
  first: number,
  last: number,
): Attended {
  const { headDim, numQueryHeads, window = Number.POSITIVE_INFINITY } = shape;
  const firstSeen = Math.max(first, position + 1 - window);
  const top = new Float64Array(numQueryHeads);
  const sum = new Float64Array(numQueryHeads);
  const output = new Float64Array(numQueryHeads * headDim);
  for (let h = 0; h < numQueryHeads; h++) {
    const kvHead = Math.floor((h * shape.numKvHeads) / numQueryHeads);
    const starts = Array.from({ length: last - firstSeen + 1 }, (_, i) =>
      keyIndex(shape, data, kvHead, { slot, position: firstSeen + i }),
    );
    const scores = starts.map((start, i) => {
      let dot = 0;
      for (let d = 0; d < headDim; d++) dot += (queries[h * headDim + d] ?? 0) * (data.kv[start + d] ?? 0);
      return scoreOf(shape, dot * shape.scale, h, firstSeen + i - position);
    });
    // The sink counts once, beside the newest key.
    const sinks = shape.hasSinks && last === position ? [data.learned[learnedLayout(shape, shape).sinks + h] ?? 0] : [];
    const largest = Math.max(...scores, ...sinks);
    const weights = scores.map((score) => Math.exp(score - largest));
    const total = [...weights, ...sinks.map((sink) => Math.exp(sink - largest))].reduce((a, b) => a + b, 0);
    top[h] = largest;
    sum[h] = total;
    for (const [i, start] of starts.entries()) {
      const weight = (weights[i] ?? 0) / total;
      const valueAt = start + shape.pageSize * headDim;
      for (let d = 0; d < headDim; d++) {
        output[h * headDim + d] = (output[h * headDim + d] ?? 0) + weight * (data.kv[valueAt + d] ?? 0);
      }
    }
  }
  return { top, sum, output };
}

/** What a softmax gets for a scaled dot product with a key `offset` positions from the query. */
function scoreOf({ softcap, alibi = 0, numQueryHeads }: PagedShape, dot: number, head: number, offset: number): number {
  return (
    (softcap === undefined ? dot : softcap * Math.tanh(dot / softcap)) + alibi * slopeOf(head, numQueryHeads) * offset
  );
}

/** ALiBi's slopes: for numbers of heads beyond a power of two, every other slope of twice that power fills up. */
function slopeOf(head: number, numHeads: number): number {
  const power = 2 ** Math.floor(Math.log2(numHeads));
  return head < power ? 2 ** ((-8 * (head + 1)) / power) : 2 ** ((-8 * (2 * (head - power) + 1)) / (2 * power));
}

/** Row of the rope table of a position: reversed, so that a kernel which takes the position instead is found out. */
function ropeRowOf(data: PagedData, position: number): number {
  return data.numRopeRows - 1 - position;
}

function turn(shape: PagedShape, data: PagedData, head: Float64Array, position: number): Float64Array {
  const half = shape.rotaryDim / 2;
  const result = Float64Array.from(head);
  for (let i = 0; i < half; i++) {
    const at = 2 * (ropeRowOf(data, position) * half + i);
    const [cos, sin] = [data.rope[at] ?? 0, data.rope[at + 1] ?? 0];
    const [x, y] = shape.isInterleaved ? [2 * i, 2 * i + 1] : [i, i + half];
    const [low, high] = [head[x] ?? 0, head[y] ?? 0];
    result[x] = low * cos - high * sin;
    result[y] = high * cos + low * sin;
  }
  return result;
}

function keyIndex(shape: KvShape, data: PagedData, kvHead: number, { slot, position }: Token): number {
  const page = data.pageTable[slot * shape.maxPages + Math.floor(position / shape.pageSize)] ?? 0;
  return ((page * shape.numKvHeads + kvHead) * 2 * shape.pageSize + (position % shape.pageSize)) * shape.headDim;
}

/** Rounds to an odd (offset 1) or even (0) multiple of `1 / steps` in ±31 / 16; 0 steps round to f32 only. */
function onGrid(value: number, steps: number, offset: number): number {
  if (steps === 0) return Math.fround(value);
  const multiple = 2 * Math.round((value * steps - offset) / 2) + offset;
  return Math.max(-31, Math.min(31, multiple)) / steps + 0;
}
