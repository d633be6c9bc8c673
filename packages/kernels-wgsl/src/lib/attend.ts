// The ways to compute attention, for kernels with a slot `attend`. Where queries and keys lie is each kernel's business.
import type { DeviceProfile, Variant } from '../kernel.js';
import attendLanes from './attend-lanes.wgsl';
import attendTiles from './attend-tiles.wgsl';

/** A way to compute attention; part of the ids of variants. */
export type AttendTier = 'portable' | 'half' | 'narrow';

/** The part of a variant that depends on its tier. */
export type AttendPart = Pick<Variant, 'knobs' | 'flags' | 'slots' | 'requires'>;

const tiled = { knobs: { ACROSS: 8, DOWN: 16 }, slots: { attend: attendTiles } };

/** Part of each tier. */
export const attendParts: Readonly<Record<AttendTier, AttendPart>> = {
  portable: { ...tiled, flags: { half: false }, requires: [] },
  // Queries, keys, values and weights are rounded to f16 in workgroup memory, which halves it; sums stay f32.
  half: { ...tiled, flags: { half: true }, requires: ['shader-f16'] },
  narrow: { knobs: { LANES: 16 }, flags: {}, slots: { attend: attendLanes }, requires: [] },
};

/** Tiers to try on a device, best first. */
export function attendTiers({ isCpu }: DeviceProfile): readonly AttendTier[] {
  return isCpu ? ['narrow'] : ['half', 'portable'];
}

/** Most queries that a workgroup of a variant may have. */
export function numAttendQueries({ knobs }: Variant): number {
  return Number(knobs['LANES'] ?? 4 * Number(knobs['DOWN']));
}
