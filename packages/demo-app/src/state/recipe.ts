// How a model is to be quantised, as a person chooses it, and what that means to the library. Pure.
import { oneOf, record } from './settings.js';

/** AWQ searches scales and ranges, GPTQ makes up for errors, `rtn` rounds to nearest. */
export const METHODS = ['awq', 'gptq', 'rtn'] as const;
export const BITS = [4, 8] as const;
export const GROUP_SIZES = [32, 64, 128] as const;
/** Windows of the text that a model is calibrated on. */
export const SAMPLES = [8, 32, 128] as const;

export interface Recipe {
  readonly method: (typeof METHODS)[number];
  readonly bits: (typeof BITS)[number];
  readonly groupSize: (typeof GROUP_SIZES)[number];
  readonly samples: (typeof SAMPLES)[number];
}

export const DEFAULT_RECIPE: Recipe = { method: 'awq', bits: 4, groupSize: 64, samples: 32 };

/** Characters of a text: below, there is too little to learn from; above, they are not looked at. */
export const MIN_TEXT = 2000;
export const MAX_TEXT = 1_000_000;
/** Of the text that is not used for quantising, but to measure what came of it. */
const HELD_OUT_SHARE = 0.2;
/** Hardly any token has more characters, so that a window never has more tokens than the text. */
const MAX_TOKEN_LEN = 16;
const MAX_SEQLEN = 512;

/** With a choice changed; eight bits and GPTQ bring each other along. */
export function changeRecipe(recipe: Recipe, change: Partial<Recipe>): Recipe {
  const next = { ...recipe, ...change };
  if (change.bits === 8) return { ...next, method: 'gptq' };
  return next.method === 'gptq' ? next : { ...next, bits: 4 };
}

/** A recipe that was stored; undefined for anything else. */
export function parseRecipe(data: unknown): Recipe | undefined {
  const { method, bits, groupSize, samples } = record(data);
  const known = {
    method: oneOf(METHODS, method),
    bits: BITS.find((one) => one === bits),
    groupSize: GROUP_SIZES.find((one) => one === groupSize),
    samples: SAMPLES.find((one) => one === samples),
  };
  return Object.values(known).every((value) => value !== undefined) ? (known as Recipe) : undefined;
}

/** What the quantised model is called; also a folder's name. */
export function nameOf(model: string, { method, bits, groupSize }: Recipe): string {
  const plain = (model.split('/').at(-1) ?? '').replace(/[^\w.-]+/g, '-').replace(/^\.+/, '');
  return `${plain || 'model'}-${method}-${bits}bit-g${groupSize}`;
}

/** The part of a text to quantise with, and the part to measure with. */
export function splitText(text: string): { readonly calibration: string; readonly heldOut: string } {
  const used = text.slice(0, MAX_TEXT);
  const cut = Math.round(used.length * (1 - HELD_OUT_SHARE));
  return { calibration: used.slice(0, cut), heldOut: used.slice(cut) };
}

/** Tokens of a window: a power of two that any tokenizer finds in the text. */
export function seqlenOf(calibration: string): number {
  return Math.min(MAX_SEQLEN, 2 ** Math.floor(Math.log2(calibration.length / MAX_TOKEN_LEN)));
}
