// The generic parity test: every declared variant of a kernel against its f64 reference on the kernel's edge shapes.
import { describe, expect, it } from 'vitest';
import { type Kernel, supports, type Variant } from '../src/kernel.js';
import { testDevice } from './device.js';
import { type Buffers, runKernels } from './run.js';

export interface ParityCase<Shape> {
  readonly shape: Shape;
  /** Contents of every binding, outputs included. */
  readonly buffers: Buffers;
  /** f64 expectation per output binding, laid out like the binding. NaN entries are not compared. */
  readonly expected: Readonly<Record<string, Float64Array>>;
}

export interface ParitySpec<Shape> {
  readonly kernel: Kernel<Shape>;
  readonly shapes: readonly Shape[];
  /** Builds a case; `random` is seeded per shape. */
  makeCase(shape: Shape, variant: Variant, random: Random): ParityCase<Shape>;
  /** Largest error over the RMS of the expected output that a variant may make. */
  tolerance(variant: Variant, shape: Shape): number;
  /** Whether a variant is meant for a shape (a 1-column variant and a 4-column shape are not). */
  accepts?(variant: Variant, shape: Shape): boolean;
}

/** Seeded source of test data. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** About normal, mean 0, deviation 1. */
  normal(): number;
  /** Integer in [0, below). */
  int(below: number): number;
  normals(length: number, scale?: number): Float32Array;
}

/** Mulberry32: small, seeded, good enough for test data. */
export function makeRandom(seed: number): Random {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    int: (below) => Math.floor(uniform() * below),
    normals: (length, scale = 1) => Float32Array.from({ length }, () => normal() * scale),
  };
}

/** Largest absolute difference over the RMS of `expected`; NaN entries of `expected` do not count. */
export function relativeError(actual: ArrayLike<number>, expected: Float64Array): number {
  let worst = 0;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] ?? 0;
    if (Number.isNaN(want)) continue;
    const difference = Math.abs((actual[i] ?? Number.NaN) - want);
    if (!(difference <= worst)) worst = difference; // also catches NaN in `actual`
    sum += want * want;
    count++;
  }
  return worst / Math.max(Math.sqrt(sum / Math.max(count, 1)), 1e-30);
}

/**
 * Declares the tests of a spec: one test per variant, all shapes inside it. A variant whose features the adapter
 * lacks is reported as skipped by name; npm test runs the tier on two adapters that have all of them between them.
 */
export function describeParity<Shape>(spec: ParitySpec<Shape>): void {
  describe(`${spec.kernel.name}: every variant agrees with the f64 reference`, () => {
    for (const variant of spec.kernel.variants) {
      it(variant.id, async (context) => {
        const test = await testDevice();
        if (!supports(test.profile, variant)) context.skip(`adapter lacks ${variant.requires.join(', ')}`);
        const shapes = spec.shapes.filter((shape) => spec.accepts?.(variant, shape) ?? true);
        expect(shapes.length, 'a variant without a shape is not tested').toBeGreaterThan(0);
        for (const [index, shape] of shapes.entries()) {
          const { buffers, expected } = spec.makeCase(shape, variant, makeRandom(index + 1));
          const actual = await runKernels(test, [spec.kernel.plan(shape, test.profile, variant)], buffers);
          for (const [name, want] of Object.entries(expected)) {
            const error = relativeError(actual[name] as ArrayLike<number>, want);
            expect(error, `${name} of ${JSON.stringify(shape)}`).toBeLessThanOrEqual(spec.tolerance(variant, shape));
          }
        }
      });
    }
  });
}
