// The weights of a layer of experts: those of a role lie in one stack, expert after expert, so that the GPU finds them by
// number. Layers without experts are decoder-weights.ts.
import type { ExpertsConfig } from '../layers/experts.js';
import { type MatrixSpec, type WeightPiece, wholeTensor } from '../load/weights.js';
import type { ExpertNames } from './family.js';
import { gateUpPieces, gateUpRows } from './gate-up.js';

/** Matrices of a layer of experts. */
export type ExpertRole = 'router' | 'experts.gateUp' | 'experts.down' | 'shared.gateUp' | 'shared.down';

/** Names of weights that hold all experts, or a part of them. */
export const EXPERT_STACK: RegExp = /\.experts\./;

/** Rows of an expert's down matrix in its stack: whole row-blocks. */
function downRows(hiddenSize: number): number {
  return Math.ceil(hiddenSize / 4) * 4;
}

/** Specs of a layer; its number is put into names by `name` and `stem`. */
export function expertWeights(
  names: ExpertNames,
  config: ExpertsConfig,
  hiddenSize: number,
  name: (role: ExpertRole) => string,
  stem: (name: string) => string,
): MatrixSpec[] {
  const { numExperts, intermediateSize, sharedIntermediateSize, hasSharedGate } = config;
  const { shared } = names;
  const tensor = (part: string, expert = 0): string => `${stem(part).replace('{e}', String(expert))}.weight`;
  const matrix = (role: ExpertRole, numRows: number, numCols: number, pieces: readonly WeightPiece[]): MatrixSpec => ({
    ...{ kind: 'matrix', name: name(role), numRows, numCols, pieces },
    // A wrong choice costs more than the few bytes of the router: it is never quantised.
    group: role === 'router' ? 'none' : 'decoder',
  });
  const stack = (role: ExpertRole, rows: number, numCols: number, pieces: (expert: number) => WeightPiece[]) => {
    const all = Array.from({ length: numExperts }, (_, expert) => pieces(expert)).flat();
    return { ...matrix(role, numExperts * rows, numCols, all), unitRows: rows };
  };

  const router = [wholeTensor(tensor(names.router), numExperts)];
  if (hasSharedGate && shared?.router) router.push(wholeTensor(tensor(shared.router), 1, numExperts));
  const [inner, outer] = [gateUpRows(intermediateSize), downRows(hiddenSize)];
  const specs = [
    matrix('router', numExperts + (hasSharedGate ? 1 : 0), hiddenSize, router),
    stack('experts.gateUp', inner, hiddenSize, (e) =>
      gateUpPieces(tensor(names.gate, e), tensor(names.up, e), intermediateSize, e * inner),
    ),
    stack('experts.down', outer, intermediateSize, (e) => [wholeTensor(tensor(names.down, e), hiddenSize, e * outer)]),
  ];
  if (shared && sharedIntermediateSize > 0) {
    const gateUp = gateUpPieces(tensor(shared.gate), tensor(shared.up), sharedIntermediateSize);
    const down = [wholeTensor(tensor(shared.down), hiddenSize)];
    specs.push(matrix('shared.gateUp', gateUpRows(sharedIntermediateSize), hiddenSize, gateUp));
    specs.push(matrix('shared.down', hiddenSize, sharedIntermediateSize, down));
  }
  return specs;
}
