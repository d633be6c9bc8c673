// f64 reference of moe-mix.
import type { MoeMixShape } from './moe-mix.js';

/** Inputs by binding name. */
export interface MoeMixInputs {
  readonly outputs: Float32Array;
  readonly shares: Float32Array;
  readonly places: Uint32Array;
  readonly shared_outputs: Float32Array;
  readonly residual: Float32Array;
}

/** Returns the residual; rows before the first stay. */
export function moeMixReference(shape: MoeMixShape, inputs: MoeMixInputs): Float64Array {
  const { numRows, firstRow = 0, stride, numChosen, isSorted, hasShared } = shape;
  const residual = Float64Array.from(inputs.residual);
  for (let row = 0; row < numRows; row++) {
    const share = (choice: number): number => inputs.shares[row * (numChosen + 1) + choice] ?? 0;
    for (let i = 0; i < stride; i++) {
      const at = (firstRow + row) * stride + i;
      let sum = residual[at] ?? 0;
      for (let choice = 0; choice < numChosen; choice++) {
        const route = row * numChosen + choice;
        const place = isSorted ? (inputs.places[route] ?? 0) : route;
        sum += share(choice) * (inputs.outputs[place * stride + i] ?? 0);
      }
      if (hasShared) sum += share(numChosen) * (inputs.shared_outputs[at] ?? 0);
      residual[at] = sum;
    }
  }
  return residual;
}
