// Test cases of the linear kernels: random weights in a format, activations with zero pads, outputs that show every write.
import { type PlaneName, weightFormats } from '@pagemind/quant';
import type { ParityCase, Random } from '../../testing/parity.js';
import { numWeightBlocks } from './linear.js';
import { linearReference } from './linear.reference.js';
import type { LinearMatvecShape } from './linear-matvec.js';

/** Rows that activation buffers have room for: the next multiple of 64, as in the engine. */
function padRows(numTokens: number): number {
  return Math.ceil(numTokens / 64) * 64;
}

/** A case of a shape; the same random source and shape give the same numbers. */
export function makeLinearCase<Shape extends LinearMatvecShape>(shape: Shape, random: Random): ParityCase<Shape> {
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
  const weight = format.unpack(planes, weightRows, numInputs, weights);
  const expected = { y: linearReference(shape, { ...inputs, weight }) };
  return { shape, buffers: { ...(planes as Record<PlaneName, Uint32Array>), ...inputs }, expected };
}
