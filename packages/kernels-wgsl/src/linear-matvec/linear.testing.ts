// Test cases of the linear kernels: random weights in a format, activations with zero pads, outputs that show every write;
// and a count of which choices meet in declared variants.
import { expect } from 'vitest';
import type { ParityCase, Random } from '../../testing/parity.js';
import { makeWeights } from '../../testing/weights.js';
import { type DeviceProfile, PORTABLE_LIMITS, type Variant } from '../kernel.js';
import { type Epilogue, type LinearShape, type LinearUse, numWeightBlocks } from './linear.js';
import { linearReference } from './linear.reference.js';
import type { LinearMatvecShape } from './linear-matvec.js';

/** Rows that activation buffers have room for: the next multiple of 64, as in the engine. */
function padRows(numTokens: number): number {
  return Math.ceil(numTokens / 64) * 64;
}

/** A case of a shape; the same random source and shape give the same numbers. `sizeOf` stretches activations. */
export function makeLinearCase<Shape extends LinearMatvecShape>(
  shape: Shape,
  random: Random,
  sizeOf: (row: number, column: number) => number = () => 1,
): ParityCase<Shape> {
  const { weights, numTokens, numInputs, xStride, yStride, yStart = 0, experts } = shape;
  const numRows = padRows(numTokens);
  const weightRows = 4 * numWeightBlocks(shape);
  const stackRows = (experts?.count ?? 1) * weightRows;
  const { planes, values: weight } = makeWeights(weights, stackRows, numInputs, random, 0.5);
  const inputs = {
    x: new Float32Array(numRows * xStride),
    gamma: new Float32Array(xStride),
    bias: random.normals(yStart + weightRows),
    row_scale: random.normals(yStart + weightRows),
    row_ids: new Uint32Array(numRows),
    routes: new Uint32Array(2 * numRows),
    y: random.normals(numRows * yStride),
  };
  for (let row = 0; row < numRows; row++) {
    const values = random.normals(numInputs).map((value, column) => value * sizeOf(row, column));
    inputs.x.set(values, row * xStride);
  }
  inputs.gamma.set(random.normals(numInputs));
  for (let token = 0; token < numTokens; token++) inputs.row_ids[token] = random.int(numRows);
  // Experts of the stack, those beside it, and nobody; every tile has its own.
  for (let token = 0; token < numRows && experts; token++) {
    const { first, count, tile } = experts;
    const expert = [first + count - 1, first + count, first, first - 1][Math.floor(token / tile) % 4] ?? 0;
    inputs.routes.set([random.int(numRows), expert], 2 * token);
  }
  const expected = { y: linearReference(shape, { ...inputs, weight }) };
  return { shape, buffers: { ...planes, ...inputs }, expected };
}

/**
 * Largest error over the RMS of the outputs. Sums in f16 are off by 5e-4 of it in the mean (which has a test of its own), and
 * the largest of the hundreds of thousands of outputs of all tests is up to eight times that. Activations and gates make
 * outputs small, but not the errors of the largest.
 */
export function tolerance({ requires }: Variant, { epilogue }: LinearUse): number {
  const isPlain = epilogue === 'store' || epilogue === 'add';
  return requires.includes('shader-f16') ? (isPlain ? 4e-3 : 1e-2) : isPlain ? 1e-5 : 3e-5;
}

/** Sizes of activations for {@link makeLinearCase}: plain, huge, tiny and zero rows, without and with outliers. */
export function unevenSizes(row: number, column: number): number {
  return ([1, 1e30, 1e-30, 0][row % 4] ?? 1) * (row % 8 >= 4 && column % 97 === 0 ? 1e4 : 1);
}

/** Holds outputs to the budget of products in f16: root mean squares over those of the outputs, of each token and of all. */
export function expectHalfPrecision(shape: LinearShape, actual: Float32Array, expected: Float64Array): void {
  const errors: number[] = [];
  for (let token = 0; token < shape.numTokens; token++) {
    const start = token * shape.yStride;
    const want = expected.subarray(start, start + shape.numOutputs);
    const difference = want.map((value, n) => (actual[start + n] ?? Number.NaN) - value);
    if (want.some((value) => value !== 0)) errors.push(rootMeanSquare(difference) / rootMeanSquare(want));
    else expect(rootMeanSquare(difference)).toBe(0);
  }
  expect(Math.max(...errors)).toBeLessThanOrEqual(1e-3);
  expect(rootMeanSquare(errors)).toBeLessThanOrEqual(6e-4);
}

function rootMeanSquare(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);
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
  { ...portable, vendor: 'arm', features: ['shader-f16'] },
  { ...portable, vendor: 'intel', features: ['shader-f16', 'subgroups'], subgroupMinSize: 8, subgroupMaxSize: 32 },
];

/** Products of experts: gate and up for few and for many tokens, and down. */
const expertUses = [1, 8, 32, 64].flatMap((tile) =>
  (
    [
      ['silu_mul', true],
      ['silu_mul', false],
      ['store', false],
    ] as const
  ).map(([epilogue, hasNorm]) => ({
    ...{ epilogue, hasNorm, hasBias: false, hasRowIds: false },
    experts: { first: 0, count: 4, tile, readsTokens: epilogue !== 'store' },
  })),
);

const activations: readonly Epilogue[] = [
  ...(['gelu', 'gelu_tanh', 'quick_gelu', 'silu', 'add_scaled', 'clip', 'softcap'] as const),
  ...(['gelu_mul', 'gelu_tanh_mul', 'silu_mul_add'] as const),
];

/** The products of the models: qkv, head, plain, residual, gated, activated; each with and without biases. */
const denseUses = [false, true].flatMap((hasBias) => [
  { epilogue: 'store' as const, hasNorm: true, hasBias, hasRowIds: false },
  { epilogue: 'store' as const, hasNorm: true, hasBias, hasRowIds: true },
  { epilogue: 'store' as const, hasNorm: false, hasBias, hasRowIds: false },
  { epilogue: 'add' as const, hasNorm: false, hasBias, hasRowIds: false },
  { epilogue: 'silu_mul' as const, hasNorm: true, hasBias, hasRowIds: false },
  ...(hasBias ? [] : [{ epilogue: 'scale_rows' as const, hasNorm: true, hasBias, hasRowIds: true }]),
  ...activations.map((epilogue) => ({ epilogue, hasNorm: false, hasBias, hasRowIds: false })),
]);

/** All products of the models. */
export const linearUses: readonly (Omit<LinearUse, 'weights'> & { readonly hasNorm: boolean })[] = [
  ...denseUses,
  ...expertUses,
];

const formatNames = [
  'weights',
  'GROUP_SIZE',
  'zeros',
  'biases',
  'bf16',
  'HIGH_BITS',
  'high',
  'half',
  'pair',
  'k',
  'k16',
];
/** Choices that need not meet (see `linearMatvecChoices`), each first with all of its second. */
const apart: Readonly<Record<string, readonly string[]>> = {
  COLUMNS: [...formatNames, 'shader-f16', 'epilogue', 'add'],
  NEAREST: formatNames,
  subgroup: formatNames,
  subgroups: formatNames,
  tokens: formatNames,
};

/** Whether `a` need not meet `b`. An activation is called by the epilogue and need meet nothing else. */
function isApart(a: string, b: string): boolean {
  return a === 'activation' ? b !== 'epilogue' : (apart[a]?.includes(b) ?? false);
}

/** Any two choices of a variant that should meet in a test, as text. */
function pairsOf({ knobs, flags, slots, requires }: Variant): readonly string[] {
  const modules = Object.entries(slots).map(([slot, { name }]) => [slot, name] as const);
  const features = requires.map((feature) => [feature, true] as const);
  const choices = [...Object.entries({ ...knobs, ...flags }), ...modules, ...features];
  return choices.flatMap(([a, valueOfA]) =>
    choices
      .filter(([b]) => a < b && !isApart(a, b) && !isApart(b, a))
      .map(([b, valueOfB]) => `${a} ${valueOfA} with ${b} ${valueOfB}`),
  );
}

/** Pairs of choices that meet in a picked variant but in no declared one. */
export function untestedPairs(picked: readonly Variant[], declared: readonly Variant[]): readonly string[] {
  const tested = new Set(declared.flatMap(pairsOf));
  return [...new Set(picked.flatMap(pairsOf))].filter((pair) => !tested.has(pair));
}
