// Test cases of the linear kernels: random weights in a format, activations with zero pads, outputs that show every write;
// and a count of which choices meet in declared variants.
import { f16ToF32, f32ToF16, type PlaneName, weightFormats } from '@pagemind/quant';
import type { ParityCase, Random } from '../../testing/parity.js';
import { type DeviceProfile, PORTABLE_LIMITS, type Variant } from '../kernel.js';
import { type LinearUse, numWeightBlocks } from './linear.js';
import { linearReference } from './linear.reference.js';
import type { LinearMatvecShape } from './linear-matvec.js';

/** Rows that activation buffers have room for: the next multiple of 64, as in the engine. */
function padRows(numTokens: number): number {
  return Math.ceil(numTokens / 64) * 64;
}

/** What a variant that keeps operands in f16 makes of a number. */
export function roundToHalf(value: number): number {
  return f16ToF32(f32ToF16(value));
}

/**
 * A case of a shape; the same random source and shape give the same numbers. The reference sees operands through `round`.
 */
export function makeLinearCase<Shape extends LinearMatvecShape>(
  shape: Shape,
  random: Random,
  round: (value: number) => number = (value) => value,
): ParityCase<Shape> {
  const { weights, numTokens, numInputs, xStride, yStride } = shape;
  const format = weightFormats[weights.format];
  const numRows = padRows(numTokens);
  const weightRows = 4 * numWeightBlocks(shape);
  const planes = format.pack(random.normals(weightRows * numInputs, 0.5), weightRows, numInputs, weights);
  const inputs = {
    x: new Float32Array(numRows * xStride),
    gamma: new Float32Array(xStride),
    bias: random.normals(weightRows),
    row_ids: new Uint32Array(numRows),
    y: random.normals(numRows * yStride),
  };
  for (let row = 0; row < numRows; row++) inputs.x.set(random.normals(numInputs), row * xStride);
  inputs.gamma.set(random.normals(numInputs));
  for (let token = 0; token < numTokens; token++) inputs.row_ids[token] = random.int(numRows);
  const weight = format.unpack(planes, weightRows, numInputs, weights).map(round);
  const expected = { y: linearReference(shape, { ...inputs, weight, x: inputs.x.map(round) }) };
  return { shape, buffers: { ...(planes as Record<PlaneName, Uint32Array>), ...inputs }, expected };
}

const portable: DeviceProfile = {
  vendor: '',
  architecture: '',
  isCpu: false,
  features: [],
  subgroupMinSize: 0,
  subgroupMaxSize: 0,
  limits: PORTABLE_LIMITS,
};

/** A device of each kind that `pick` tells apart. */
export const profiles: readonly DeviceProfile[] = [
  portable,
  { ...portable, isCpu: true, features: ['shader-f16', 'subgroups'], subgroupMinSize: 8, subgroupMaxSize: 8 },
  { ...portable, features: ['subgroups'], subgroupMinSize: 32, subgroupMaxSize: 32 },
  { ...portable, features: ['shader-f16'] },
];

/** The products of a decoder: qkv, head, plain, residual, gated; each with and without biases. */
export const decoderUses: readonly (Omit<LinearUse, 'weights'> & { readonly hasNorm: boolean })[] = [
  false,
  true,
].flatMap((hasBias) => [
  { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: false },
  { epilogue: 'store', hasNorm: true, hasBias, hasRowIds: true },
  { epilogue: 'store', hasNorm: false, hasBias, hasRowIds: false },
  { epilogue: 'add', hasNorm: false, hasBias, hasRowIds: false },
  { epilogue: 'silu_mul', hasNorm: true, hasBias, hasRowIds: false },
]);

const formatNames = ['weights', 'GROUP_SIZE', 'zeros', 'bf16'];
/** Choices that need not meet (see `linearMatvecChoices`), each first with all of its second. */
const apart: Readonly<Record<string, readonly string[]>> = {
  COLUMNS: [...formatNames, 'epilogue', 'activation', 'add'],
  NEAREST: formatNames,
  subgroup: formatNames,
  subgroups: formatNames,
};

/** Any two choices of a variant that should meet in a test, as text. */
function pairsOf({ knobs, flags, slots, requires }: Variant): readonly string[] {
  const modules = Object.entries(slots).map(([slot, { name }]) => [slot, name] as const);
  const features = requires.map((feature) => [feature, true] as const);
  const choices = [...Object.entries({ ...knobs, ...flags }), ...modules, ...features];
  return choices.flatMap(([a, valueOfA]) =>
    choices
      .filter(([b]) => a < b && !apart[a]?.includes(b) && !apart[b]?.includes(a))
      .map(([b, valueOfB]) => `${a} ${valueOfA} with ${b} ${valueOfB}`),
  );
}

/** Pairs of choices that meet in a picked variant but in no declared one. */
export function untestedPairs(picked: readonly Variant[], declared: readonly Variant[]): readonly string[] {
  const tested = new Set(declared.flatMap(pairsOf));
  return [...new Set(picked.flatMap(pairsOf))].filter((pair) => !tested.has(pair));
}
