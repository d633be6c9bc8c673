// Qwen3 (dense): Qwen2 without biases, with a norm of every head of q and k.
import type { Family } from '../family.js';
import { LLAMA_NAMES, OLD_ROPE_BUFFERS, QUERY_KEY_NORMS } from './llama.js';
import { readQwenConfig } from './qwen2.js';

export const qwen3: Family = {
  modelType: 'qwen3',
  architectures: ['Qwen3ForCausalLM'],
  names: { ...LLAMA_NAMES, layer: { ...LLAMA_NAMES.layer, ...QUERY_KEY_NORMS } },
  ignored: OLD_ROPE_BUFFERS,
  readConfig: (raw) => ({ ...readQwenConfig(raw), queryKeyNorm: 'head' }),
};
