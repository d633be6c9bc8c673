// The list of families: complete, and with sizes that are those of the published checkpoints.
import { expect, it } from 'vitest';
import { listFamilies } from './catalog.js';
import { FAMILIES } from './registry.js';
import { VLM_FAMILIES } from './vlm/registry.js';

const families = new Map(listFamilies().map((entry) => [entry.family, entry]));

it('has every family of the registries once', () => {
  expect([...families.keys()]).toEqual([...FAMILIES, ...VLM_FAMILIES].map(({ modelType }) => modelType));
});

// Parameters of the decoder's linears take 4 bits and 3 bytes a group of 64, all others 16 (norms and biases 32).
it.each([
  ['qwen2', 357_826_560, 136_277_760],
  ['gpt2', 84_934_656, 39_626_496],
])('counts the bytes of %s', (family, numInt4, numOthers) => {
  const bytes = families.get(family)?.example?.weightBytes ?? 0;
  expect(bytes / (numInt4 * (0.5 + 3 / 64) + 2 * numOthers)).toBeCloseTo(1, 3);
});

it('counts keys and values', () => {
  expect(families.get('llama')?.example?.kvBytesPerToken).toBe(30 * 2 * 3 * 64 * 2);
});

it('counts towers', () => {
  const { llava, llama } = Object.fromEntries(families);
  expect(llava?.takesImages).toBe(true);
  expect(llama?.takesImages).toBe(false);
  // Vicuna 7B with 6.48e9 parameters in linears and 0.26e9 beside, and a tower of 0.3e9.
  expect(llava?.example?.weightBytes).toBeGreaterThan(6.476e9 * (0.5 + 3 / 64) + 2 * (0.262e9 + 0.29e9));
  expect(llava?.example?.weightBytes).toBeLessThan(6.476e9 * (0.5 + 3 / 64) + 2 * (0.263e9 + 0.33e9));
});

it('counts the same bytes in another layout', () => {
  const bytesOf = (family: string): number | undefined => families.get(family)?.example?.weightBytes;
  expect(bytesOf('multi_modality')).toBe(bytesOf('deepseek_vl_hybrid'));
  expect(bytesOf('internvl_chat')).toBe(bytesOf('internvl'));
});
