// Sorts routes by expert, so that tokens of the same expert share a reading of its weights. No number leaves the GPU: how
// many tiles there may be at most follows from the number of rows.
import { type DeviceProfile, defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './moe-sort.wgsl';

/** Routes to sort; how many rows there are is in `routed_rows`. */
export interface MoeSortShape {
  readonly numExperts: number;
  /** Experts of a row. */
  readonly numChosen: number;
  /** Routes that share an expert: those of an expert are filled up to a multiple. */
  readonly tile: number;
}

/** Most tiles that the routes of so many rows fill. */
export function maxExpertTiles({ numExperts, numChosen, tile }: MoeSortShape, numRows: number): number {
  const numRoutes = numRows * numChosen;
  const used = Math.min(numExperts, numRoutes);
  return used + Math.floor((numRoutes - used) / tile);
}

const variants: readonly Variant[] = [
  { id: 'wide', knobs: { LANES: 256 }, flags: {}, slots: {}, requires: [] },
  { id: 'narrow', knobs: { LANES: 1 }, flags: {}, slots: {}, requires: [] },
];

/**
 * Reads `routes` and `routed_rows` of moe-route. Writes `sorted` `[maxExpertTiles, tile]`, a tile's routes all of one expert,
 * the first one of NOBODY where a tile is not needed; and `places` u32 `[numRows, numChosen]`, where each route is in it.
 */
export const moeSort: Kernel<MoeSortShape> = defineKernel({
  name: 'moe-sort',
  source,
  bindings: [
    { name: 'routes', index: 0, access: 'read' },
    { name: 'routed_rows', index: 1, access: 'read' },
    { name: 'sorted', index: 2, access: 'read_write' },
    { name: 'places', index: 3, access: 'read_write' },
  ],
  constants: ['NUM_EXPERTS', 'CHOSEN', 'TILE'],
  variants,
  pick: (_shape: MoeSortShape, { isCpu }: DeviceProfile): Variant => variants[isCpu ? 1 : 0] as Variant,
  constantsOf: ({ numExperts, numChosen, tile }) => ({ NUM_EXPERTS: numExperts, CHOSEN: numChosen, TILE: tile }),
  workgroupsOf: () => [1, 1, 1],
});
