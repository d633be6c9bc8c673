// f64 reference of moe-route.
import type { MoeRouteShape } from './moe-route.js';

/** What the kernel writes, laid out as its buffers. */
export interface Routing {
  /** (row, expert) pairs. */
  readonly routes: Float64Array;
  readonly shares: Float64Array;
}

/** Routes of rows of logits `[.., stride]`. */
export function moeRouteReference(shape: MoeRouteShape, logits: Float32Array): Routing {
  const { numRows, firstRow = 0, numExperts, numChosen, stride, isNormalized, hasSharedGate } = shape;
  const routes: number[] = [];
  const shares: number[] = [];
  for (let row = firstRow; row < firstRow + numRows; row++) {
    const own = Array.from(logits.subarray(row * stride, row * stride + numExperts));
    const highest = Math.max(...own);
    const masses = own.map((logit) => Math.exp(logit - highest));
    // Sorting is stable: equal logits stay in order.
    const chosen = own.map((_, e) => e).sort((a, b) => (own[b] ?? 0) - (own[a] ?? 0));
    chosen.length = numChosen;
    const counted = isNormalized ? chosen.map((e) => masses[e] ?? 0) : masses;
    const total = counted.reduce((sum, mass) => sum + mass, 0);
    routes.push(...chosen.flatMap((e) => [row, e]));
    shares.push(...chosen.map((e) => (masses[e] ?? 0) / total));
    shares.push(hasSharedGate ? 1 / (1 + Math.exp(-(logits[row * stride + numExperts] ?? 0))) : 1);
  }
  return { routes: Float64Array.from(routes), shares: Float64Array.from(shares) };
}
