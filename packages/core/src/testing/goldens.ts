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

/** Numbers of a sequence that was computed in some other way, and what they are to equal. */
export interface Way {
  readonly name: string;
  readonly actual: Float32Array;
  readonly wanted: Float32Array;
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

/** Where keys turn by how long the sequence is going to be: their blocks are not shared. */
const ROPE_OF_LENGTH: readonly string[] = ['phi3-longrope', 'qwen1-long'];

/**
 * The ids one by one, in chunks beside another sequence, and behind blocks that another request has filled. The engine takes
 * more tokens a step than there are ids, and fewer than twice as many; its blocks are shorter than they are.
 */
export async function waysOf(engine: Engine, name: string, ids: readonly number[]): Promise<readonly Way[]> {
  const rest = ids.slice(1);
  const whole = await engine.logits(ids);
  const wholeRest = await engine.logits(rest);
  const decoded = await engine.logits(ids, { decodeFrom: 3 });
  const [beside, chunked] = await Promise.all([engine.logits(ids), engine.logits(rest)]);
  // An order that no test before has left in the cache.
  const unseen = ids.toReversed();
  const cold = await logprobsOf(engine, unseen);
  const cached = await logprobsOf(engine, unseen);
  expect([cold.numCached, cached.numCached > 0]).toEqual([0, !ROPE_OF_LENGTH.includes(name)]);
  return [
    { name: 'one by one', actual: decoded, wanted: whole },
    { name: 'beside another', actual: beside, wanted: whole },
    { name: 'in chunks', actual: chunked, wanted: wholeRest },
    { name: 'from cached blocks', actual: cached.logprobs, wanted: cold.logprobs },
  ];
}

/** Log probabilities of the eight best tokens after a prompt and after each of four greedy ids. */
async function logprobsOf(
  engine: Engine,
  ids: readonly number[],
): Promise<{ logprobs: Float32Array; numCached: number }> {
  const logprobs: number[] = [];
  let numCached = Number.NaN;
  const request = { prompt: { kind: 'tokens', ids } as const, sampling: { temperature: 0 }, maxNewTokens: 5 };
  for await (const event of engine.generate({ ...request, ignoreEos: true, logprobs: 8 })) {
    if (event.type === 'end') numCached = event.usage.cachedTokens;
    else for (const { top } of event.logprobs ?? []) logprobs.push(...top.map(({ logprob }) => logprob));
  }
  expect(logprobs.length).toBe(5 * 8);
  return { logprobs: Float32Array.from(logprobs), numCached };
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
