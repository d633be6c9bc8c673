// Recipes: choices that go together, names of what comes of them, what is done with the text.
import { describe, expect, it } from 'vitest';
import {
  changeRecipe,
  DEFAULT_RECIPE,
  MAX_TEXT,
  MIN_TEXT,
  nameOf,
  parseRecipe,
  type Recipe,
  seqlenOf,
  splitText,
} from './recipe.js';

describe('a recipe', () => {
  it('has eight bits with GPTQ alone', () => {
    const eight = changeRecipe(DEFAULT_RECIPE, { bits: 8 });
    expect(eight).toMatchObject({ bits: 8, method: 'gptq' });
    expect(changeRecipe(eight, { groupSize: 32 })).toMatchObject({ bits: 8, method: 'gptq', groupSize: 32 });
    expect(changeRecipe(eight, { method: 'awq' })).toMatchObject({ bits: 4, method: 'awq' });
    expect(changeRecipe(eight, { method: 'rtn' })).toMatchObject({ bits: 4, method: 'rtn' });
  });

  it('comes back from storage whole or not at all', () => {
    expect(parseRecipe(structuredClone(DEFAULT_RECIPE))).toEqual(DEFAULT_RECIPE);
    const wrong = [{ method: 'best' }, { bits: 3 }, { groupSize: '64' }, { samples: undefined }];
    for (const change of wrong) expect(parseRecipe({ ...DEFAULT_RECIPE, ...change })).toBeUndefined();
    expect(parseRecipe(undefined)).toBeUndefined();
  });

  it.each<[string, Partial<Recipe>, string]>([
    ['Qwen/Qwen2.5-0.5B', {}, 'Qwen2.5-0.5B-awq-4bit-g64'],
    ['tiny', { method: 'gptq', bits: 8, groupSize: 128 }, 'tiny-gptq-8bit-g128'],
    ['..', {}, 'model-awq-4bit-g64'],
    ['a b/my model: ü', {}, 'my-model--awq-4bit-g64'],
  ])('names what becomes of %s', (model, change, name) => {
    expect(nameOf(model, { ...DEFAULT_RECIPE, ...change })).toBe(name);
  });
});

describe('a text', () => {
  it('is divided so that nothing is both learnt and measured', () => {
    const { calibration, heldOut } = splitText('0123456789'.repeat(300));
    expect(calibration + heldOut).toBe('0123456789'.repeat(300));
    expect(heldOut).toHaveLength(600);
    const long = splitText('x'.repeat(MAX_TEXT + 5));
    expect(long.calibration.length + long.heldOut.length).toBe(MAX_TEXT);
  });

  it('has windows that fit into it, however long its tokens are', () => {
    expect(seqlenOf('x'.repeat(MIN_TEXT * 0.8))).toBe(64);
    expect(seqlenOf('x'.repeat(6200))).toBe(256);
    expect(seqlenOf('x'.repeat(MAX_TEXT))).toBe(512);
  });
});
