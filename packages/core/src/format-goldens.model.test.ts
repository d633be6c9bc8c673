// Tiny checkpoints of every format of quantised weights against the logits and greedy ids of the reference implementations.
import { describeGolden } from './testing/describe-golden.js';
import { describeWithFixtures } from './testing/fixtures.js';

/** Of every format of quantised weights. */
const FORMATS = [
  'llama-awq-gemm-g128',
  'llama-awq-gemm-g32',
  'llama-awq-gemv-g128',
  'llama-awq-gemv-g64',
  'qwen2-awq-gemm-g128',
  'qwen2-awq-gemv-g128',
  'llama-gptq-v1-8bit',
  'llama-gptq-v1-actorder',
  'llama-gptq-v1-sym',
  'llama-gptq-v2',
  'qwen2-gptq-v1-actorder',
  'qwen2-gptq-v1-sym',
  'qwen2-gptq-v2',
  'llama-ct-int4',
  'llama-ct-int4-asym',
  'qwen2-ct-int4-asym',
  'llama-mlx-4bit',
  'qwen2-mlx-4bit',
];

describeWithFixtures('goldens of formats', 'goldens/README.md', () => {
  for (const name of FORMATS) describeGolden(name, { maxBatchSize: 1, sessionLen: 128 });
});
