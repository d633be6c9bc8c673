// What golden tests do alike: reading tensors, generating, comparing.
import { expect } from 'vitest';
import type { Engine } from '../api/engine-api.js';
import type { Prompt } from '../engine/core.js';
import type { TensorValues } from './tensors.js';

/** Largest error over the spread of the logits that f32 arithmetic may make. */
export const GOLDEN_TOLERANCE = 1e-3;

export function idsOf(tensors: ReadonlyMap<string, TensorValues>, name: string): number[] {
  return Array.from(tensors.get(name)?.values ?? []);
}

export function floatsOf(tensors: ReadonlyMap<string, TensorValues>, name: string): Float32Array {
  return tensors.get(name)?.values as Float32Array;
}

/** Greedy ids that follow a prompt. */
export async function generateIds(engine: Engine, prompt: Prompt, maxNewTokens: number): Promise<number[]> {
  const ids: number[] = [];
  const request = { prompt, sampling: { temperature: 0 }, maxNewTokens, ignoreEos: true };
  for await (const event of engine.generate(request)) if (event.type === 'delta') ids.push(...event.tokenIds);
  return ids;
}

/** Largest absolute difference over the standard deviation of `wanted`. */
export function errorOf(actual: Float32Array, wanted: Float32Array): number {
  expect(actual.length).toBe(wanted.length);
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const deviation = Math.sqrt(wanted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / wanted.length);
  let worst = 0;
  wanted.forEach((value, i) => {
    const difference = Math.abs((actual[i] ?? Number.NaN) - value);
    if (!(difference <= worst)) worst = difference;
  });
  return worst / deviation;
}
