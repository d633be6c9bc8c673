// What options of a command line mean to the library.
import { expect, it } from 'vitest';
import { engineOptions, MODEL_OPTIONS, readArguments } from './arguments.js';

it.each([
  [['--quant-policy', '8'], { quantPolicy: 8 }],
  [['--quant_policy=4', '--session_len', '512'], { quantPolicy: 4, sessionLen: 512 }],
  [['--no-keep-packed', '--revalidate'], { keepPacked: false, revalidate: true }],
  [['--disable-prefix-caching', '--cache-block-seq-len', '16'], { enablePrefixCaching: false, cacheBlockSeqLen: 16 }],
  [['--max-steps-in-flight', '1', '--dynamic-rope', 'recompute'], { maxStepsInFlight: 1, dynamicRope: 'recompute' }],
  [['--model-format', 'awq'], { modelFormat: 'awq' }],
  [[], {}],
])('%j', (args, options) => {
  expect(engineOptions(readArguments(['model', ...args], MODEL_OPTIONS, 1).values)).toEqual(options);
});
