// What golden tests do alike: reading tensors, generating, comparing.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Engine } from '../api/engine-api.js';
import type { Prompt } from '../engine/core.js';
import { fixturesPath } from './fixtures.js';
import { readTensors, type TensorValues } from './tensors.js';

/** A golden whose pictures are those of another, and which marks their rows by an id that its config.json does not name. */
const BORROWED: Readonly<
  Record<string, { readonly pictures: string; readonly imageId: number; readonly ourId: number }>
> = { 'llava-original': { pictures: 'llava_next', imageId: 198, ourId: 0 } };

/** The tensors of a golden. */
export function readGolden(name: string): ReadonlyMap<string, TensorValues> {
  const tensors = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
  const borrowed = BORROWED[name];
  if (!borrowed) return tensors;
  const ids = tensors.get('input_ids');
  const lender = readTensors(readFileSync(fixturesPath(`goldens/${borrowed.pictures}/golden.safetensors`)));
  const [pixels, values] = [
    lender.get('pixel_values'),
    ids?.values.map((id) => (id === borrowed.imageId ? borrowed.ourId : id)),
  ];
  if (!ids || !values || !pixels) throw new Error(`${name} lacks tensors`);
  return new Map([...tensors, ['pixel_values', pixels], ['input_ids', { ...ids, values }]]);
}

/** Largest error over the spread of the logits that f32 arithmetic may make. */
export const GOLDEN_TOLERANCE = 1e-3;

export function idsOf(tensors: ReadonlyMap<string, TensorValues>, name: string): number[] {
  return Array.from(tensors.get(name)?.values ?? []);
}

/** The ids of a prompt. Where no id stands for the rows of images, they are -1 there, and 0 in the engine. */
export function promptOf(tensors: ReadonlyMap<string, TensorValues>, name: string): number[] {
  return idsOf(tensors, name).map((id) => Math.max(id, 0));
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

/** Of every family. */
export const FAMILY_GOLDENS: readonly string[] = [
  'llama-mha',
  'llama3-gqa',
  'llama-linear-rope',
  'llama-bias',
  'code-llama',
  'yi',
  'qwen1_5',
  'qwen2-gqa',
  'qwen2-yarn',
  'internlm2',
  'internlm',
  'mistral',
  'qwen3',
  'phi3',
  'phi3-longrope',
  'phi4-mini',
  'gemma',
  'gemma2',
  'gemma3-text',
  'olmo2',
  'smollm3',
  'granite',
  'qwen1',
  'qwen1-long',
  'baichuan-7b',
  'baichuan-13b',
  'baichuan2-7b',
  'baichuan2-13b',
  'chatglm2',
  'falcon-7b',
  'falcon-40b',
  'falcon-rw',
  'starcoder2',
  'gpt2',
  'mixtral',
  'qwen1_5-moe',
  'qwen3-moe',
  'deepseek-moe',
  'dbrx',
];

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

/** Root mean square of the differences over the spread of `wanted`. */
export function rmsError(actual: Float32Array, wanted: Float32Array): number {
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const square = (of: (value: number, i: number) => number): number =>
    wanted.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  return Math.sqrt(square((value, i) => (actual[i] ?? Number.NaN) - value) / square((value) => value - mean));
}
