// Matrices that are one behind the other in a stack, where one buffer cannot hold them all: cutting the stack before it is
// loaded, and finding the parts again.
import type { MatrixSpec } from './weights.js';

/** Some of the matrices of a stack. */
export interface StackPart<Matrix> {
  readonly matrix: Matrix;
  /** The first of them, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** Cuts a stack into specs that each take at most `maxBytes`, of the `bytes` that it has in its largest buffer. */
export function cutStack(spec: MatrixSpec, bytes: number, maxBytes: number): readonly MatrixSpec[] {
  const { numParts = 1, numRows } = spec;
  const perPart = numRows / numParts;
  const count = Math.max(1, Math.floor(maxBytes / (bytes / numParts)));
  if (numParts === 1 || count >= numParts) return [spec];
  const specs: MatrixSpec[] = [];
  for (let first = 0; first < numParts; first += count) {
    const [start, end] = [first * perPart, Math.min(first + count, numParts) * perPart];
    specs.push({
      ...spec,
      name: partName(spec.name, specs.length),
      numRows: end - start,
      numParts: (end - start) / perPart,
      pieces: spec.pieces.filter(({ dst }) => dst >= start && dst < end).map((p) => ({ ...p, dst: p.dst - start })),
    });
  }
  return specs;
}

/** The parts of a stack of `numParts` matrices, in order: one, if it was not cut. */
export function partsOf<Matrix extends { readonly numRows: number }>(
  matrices: ReadonlyMap<string, Matrix>,
  name: string,
  numParts: number,
): readonly StackPart<Matrix>[] {
  const whole = matrices.get(name);
  if (whole) return [{ matrix: whole, first: 0, count: numParts }];
  const found: Matrix[] = [];
  for (let part = matrices.get(partName(name, 0)); part; part = matrices.get(partName(name, found.length))) {
    found.push(part);
  }
  const perPart = found.reduce((sum, { numRows }) => sum + numRows, 0) / numParts;
  let first = 0;
  return found.map((matrix) => {
    const part = { matrix, first, count: matrix.numRows / perPart };
    first += part.count;
    return part;
  });
}

function partName(name: string, index: number): string {
  return `${name}.${index}`;
}
