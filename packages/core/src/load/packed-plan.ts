// Decides how a packed checkpoint becomes weights, before its data is read: checks every plane against what the model
// wants, and says which bytes of a file go to which buffer. Pure; checkpoints as the hub has them are weight-plan.ts.
import { invariant, PagemindError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import {
  type PackedFile,
  type PackedWeight,
  type PackedWeights,
  planeBytesOf,
  planeDtype,
  planeTensor,
} from './packed-format.js';
import type { RangeRead } from './read-ahead.js';
import type { TensorEntry } from './tensor-entry.js';
import { cutMatrix } from './weight-parts.js';
import {
  checkBuffers,
  mismatch,
  missingTensor,
  type PlannedWeight,
  planOf,
  unexpectedTensors,
  type WeightPlan,
} from './weight-plan.js';
import { formatName, type WeightPolicy, type WeightSpec } from './weights.js';

/** Bytes of a read that go to a buffer as they are. */
export interface PlaneCopy {
  readonly weight: PlannedWeight;
  readonly plane: string;
  /** Byte of the read. */
  readonly from: number;
  /** Byte of the buffer. */
  readonly to: number;
  readonly length: number;
}

/** A chunk of a file, all that is copied out of it, and what it must hash to. */
export interface PackedRead extends RangeRead {
  readonly file: string;
  readonly sha256: string;
  readonly copies: readonly PlaneCopy[];
}

/** Where bytes of a tensor, from `start` on, go: from `to` on in the buffer of a plane. */
interface Target {
  readonly weight: PlannedWeight;
  readonly plane: string;
  readonly entry: TensorEntry;
  readonly start: number;
  readonly length: number;
  readonly to: number;
}

/**
 * Plans the loading of `specs` from a packed checkpoint.
 * @throws PagemindError `tensor_missing`, `tensor_mismatch`, `tensor_unexpected`; `invalid_option` when the policy asks for
 * another format than the stored one; `unsupported_model` when a plane is larger than a buffer.
 */
export function planPacked(
  checkpoint: Checkpoint,
  packed: PackedWeights,
  specs: readonly WeightSpec[],
  policy: WeightPolicy,
  maxBufferBytes: number = Number.POSITIVE_INFINITY,
): WeightPlan<PackedRead> {
  const weights: PlannedWeight[] = [];
  const targets: Target[] = [];
  for (const spec of specs) {
    const whole = planPackedWeight(checkpoint, packed, spec, policy);
    const parts = cutWeight(whole, maxBufferBytes);
    for (const part of parts) checkBuffers(part, maxBufferBytes);
    weights.push(...parts);
    for (const [plane, bytes] of Object.entries(whole.buffers)) {
      targets.push(...targetsOfParts(planeTargets(checkpoint, whole, plane, bytes), parts));
    }
  }
  const used = new Set(targets.map(({ entry }) => entry));
  const unexpected = [...checkpoint.tensors].filter(([, entry]) => !used.has(entry)).map(([name]) => name);
  if (unexpected.length > 0) throw unexpectedTensors(checkpoint, unexpected);
  return planOf(
    weights,
    packed.files.flatMap((file) => readsOf(file, targets)),
  );
}

/** A weight, or the parts of a matrix that one buffer cannot hold. */
function cutWeight(whole: PlannedWeight, maxBufferBytes: number): readonly PlannedWeight[] {
  const { spec, options } = whole;
  // Tables of column orders are those of the whole.
  if (!options || options.numTables) return [whole];
  const parts = cutMatrix(spec, Math.max(...Object.values(whole.buffers)), maxBufferBytes);
  if (parts.length === 1) return [whole];
  return parts.map((part) => ({ spec: part, options, buffers: planeBytesOf({ ...part, options }) }));
}

/** How a weight is stored, checked against what the model and the policy want of it. */
export function planPackedWeight(
  checkpoint: Checkpoint,
  packed: PackedWeights,
  spec: WeightSpec,
  policy: WeightPolicy,
): PlannedWeight {
  const stored = packed.weights.get(spec.name);
  if (!stored) throw missingTensor(checkpoint, spec.name);
  const buffers = planeBytesOf(stored);
  if (spec.kind === 'vector') {
    if (stored.kind === 'vector' && stored.length === spec.length) return { spec, buffers };
    throw mismatch(spec.name, `is ${describe(stored)}, expected a vector of ${spec.length}`);
  }
  if (stored.kind === 'vector' || stored.numRows !== spec.numRows || stored.numCols !== spec.numCols) {
    throw mismatch(spec.name, `is ${describe(stored)}, expected a matrix of ${spec.numRows} × ${spec.numCols}`);
  }
  const wanted = spec.group === 'none' ? undefined : policy[spec.group];
  if (wanted && formatName(wanted) !== formatName(stored.options)) {
    const [is, asked] = [formatName(stored.options), formatName(wanted)];
    throw new PagemindError(
      'invalid_option',
      `${spec.name} is packed as ${is}; quantising to ${asked} is impossible.`,
      {
        hint: 'Load the packed checkpoint without quantising it, or convert the original one again.',
      },
    );
  }
  return { spec, options: stored.options, buffers };
}

/** Where the tensors of a plane go: one, or several parts that follow one another. */
function planeTargets(checkpoint: Checkpoint, weight: PlannedWeight, plane: string, bytes: number): Target[] {
  const { name } = weight.spec;
  const entries = planeEntries(checkpoint, name, plane);
  const what = planeTensor(name, plane);
  if (entries.length === 0) throw missingTensor(checkpoint, what);
  const dtype = planeDtype(weight.options);
  let to = 0;
  const targets = entries.map((entry) => {
    if (entry.dtype !== dtype) throw mismatch(what, `has dtype ${entry.dtype}, expected ${dtype}`);
    const target = { weight, plane, entry, start: 0, length: entry.length, to };
    to += entry.length;
    return target;
  });
  if (to !== bytes) throw mismatch(what, `has ${to} bytes, expected ${bytes}`);
  return targets;
}

/** What goes to the parts of a weight, given what would go to the whole. */
function targetsOfParts(targets: readonly Target[], parts: readonly PlannedWeight[]): Target[] {
  let first = 0;
  return parts.flatMap((weight) => {
    const inside = targets.flatMap(({ to, length, ...target }) => {
      const begin = Math.max(to, first);
      const end = Math.min(to + length, first + (weight.buffers[target.plane] ?? 0));
      if (begin >= end) return [];
      return [{ ...target, weight, start: target.start + begin - to, length: end - begin, to: begin - first }];
    });
    first += weight.buffers[targets[0]?.plane ?? ''] ?? 0;
    return inside;
  });
}

function planeEntries({ tensors }: Checkpoint, name: string, plane: string): readonly TensorEntry[] {
  const whole = tensors.get(planeTensor(name, plane));
  if (whole) return [whole];
  const parts: TensorEntry[] = [];
  while (true) {
    const part = tensors.get(planeTensor(name, plane, parts.length));
    if (!part) return parts;
    parts.push(part);
  }
}

/** The chunks of a file with what is copied out of each. */
function readsOf(
  { source, file, dataStart, chunkBytes, sha256 }: PackedFile,
  targets: readonly Target[],
): PackedRead[] {
  const reads = sha256.map((hash, chunk) => {
    const offset = dataStart + chunk * chunkBytes;
    const length = Math.min(chunkBytes, source.size - offset);
    return { source, file, offset, length, sha256: hash, copies: [] as PlaneCopy[] };
  });
  for (const { weight, plane, entry, start, length: total, to } of targets) {
    if (entry.source !== source) continue;
    const begin = entry.offset + start;
    const end = begin + total;
    for (let at = begin; at < end; ) {
      const read = reads[Math.floor((at - dataStart) / chunkBytes)];
      invariant(read, `${file} has no chunk for byte ${at}`);
      const length = Math.min(end, read.offset + read.length) - at;
      read.copies.push({ weight, plane, from: at - read.offset, to: to + at - begin, length });
      at += length;
    }
  }
  return reads;
}

function describe(weight: PackedWeight): string {
  return weight.kind === 'vector'
    ? `a vector of ${weight.length}`
    : `a matrix of ${weight.numRows} × ${weight.numCols}`;
}
