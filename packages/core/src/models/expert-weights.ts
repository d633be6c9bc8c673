// The weights of a layer of experts: those of a role lie in one stack, expert after expert, so that the GPU finds them by
// number. Layers without experts are decoder-weights.ts.
import type { ExpertsConfig } from '../layers/experts.js';
import { type Checkpoint, hasTensor } from '../load/checkpoint.js';
import { type MatrixSpec, type WeightPiece, wholeTensor } from '../load/weights.js';
import type { ExpertNames, ExpertTensors } from './family.js';
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
  stored: Pick<Checkpoint, 'tensors' | 'quantized'>,
  config: ExpertsConfig,
  hiddenSize: number,
  name: (role: ExpertRole) => string,
  stem: (name: string) => string,
): MatrixSpec[] {
  const { numExperts, intermediateSize, sharedIntermediateSize, hasSharedGate } = config;
  const { shared } = names;
  const tensor = (part: string): string => `${stem(part)}.weight`;
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
  const { gateUp, down } = expertPieces(findTensors(names, stored, stem), config, hiddenSize);
  const [inner, outer] = [gateUpRows(intermediateSize), downRows(hiddenSize)];
  const specs = [
    matrix('router', numExperts + (hasSharedGate ? 1 : 0), hiddenSize, router),
    stack('experts.gateUp', inner, hiddenSize, (e) => gateUp(e, e * inner)),
    stack('experts.down', outer, intermediateSize, (e) => [down(e, e * outer)]),
  ];
  if (shared && sharedIntermediateSize > 0) {
    const sharedGateUp = gateUpPieces(tensor(shared.gate), tensor(shared.up), sharedIntermediateSize);
    const sharedDown = [wholeTensor(tensor(shared.down), hiddenSize)];
    specs.push(matrix('shared.gateUp', gateUpRows(sharedIntermediateSize), hiddenSize, sharedGateUp));
    specs.push(matrix('shared.down', hiddenSize, sharedIntermediateSize, sharedDown));
  }
  return specs;
}

/** Under which of its names a layer has its experts. */
function findTensors(
  names: ExpertNames,
  stored: Pick<Checkpoint, 'tensors' | 'quantized'>,
  stem: (name: string) => string,
): ExpertTensors {
  const { stacked } = names;
  const found = stacked && hasTensor(stored, stem(stacked.down)) ? stacked : names;
  return { ...found, gate: stem(found.gate), up: stem(found.up), down: stem(found.down) };
}

/** An expert's rows, put at row `dst`: from tensors of its own, or from those of all. */
function expertPieces(
  { gate, up, down, isDownTransposed = false }: ExpertTensors,
  { intermediateSize }: ExpertsConfig,
  hiddenSize: number,
): { gateUp(expert: number, dst: number): WeightPiece[]; down(expert: number, dst: number): WeightPiece } {
  const own = (name: string, expert: number): string =>
    name.includes('{e}') ? `${name.replace('{e}', String(expert))}.weight` : name;
  const sliceOf = (name: string, expert: number): number => (name.includes('{e}') ? 0 : expert);
  return {
    gateUp: (expert, dst) =>
      gateUpPieces(own(gate, expert), own(up, expert), intermediateSize, dst, sliceOf(gate, expert)),
    down: (expert, dst) => {
      const [piece, slice] = [wholeTensor(own(down, expert), hiddenSize, dst), sliceOf(down, expert)];
      return isDownTransposed ? { ...piece, isTransposed: true, slice } : { ...piece, firstRow: slice * hiddenSize };
    },
  };
}
