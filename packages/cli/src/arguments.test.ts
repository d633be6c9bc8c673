// What options of a command line mean to the library.
import { expect, it } from 'vitest';
import { engineOptions, MODEL_OPTIONS, readArguments } from './arguments.js';

it.each([
  [['--quant-policy', '8'], { quantPolicy: 8 }],
  [['--quant_policy=4', '--session_len', '512'], { quantPolicy: 4, sessionLen: 512 }],
  [[], {}],
])('%j', (args, options) => {
  expect(engineOptions(readArguments(['model', ...args], MODEL_OPTIONS, 1).values)).toEqual(options);
});
