// Clear and mark, one after the other, as at the start of a sequence.
import { expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { runKernels } from '../../testing/run.js';
import { countClear, countMark } from './token-counts.js';
import { fillTokenMarks, tokenMarksBytes } from './token-marks.js';

it('clears the counts of started slots and marks their tokens', async () => {
  const test = await testDevice();
  const vocab = 1500;
  const vocabStride = 1504;
  const slots = [
    { slot: 2, prompt: [0, 7, 7, 1499, 1500], generated: [7, 8, 8], banned: [7, 9], biased: [8, 10] },
    { slot: 0, prompt: Array.from({ length: 80 }, (_, id) => id), generated: [], banned: [], biased: [] },
  ];
  const fillings = fillTokenMarks(slots, tokenMarksBytes(50));
  expect(fillings.map(({ numMarks }) => numMarks)).toEqual([50, 42]);
  const stale = new Uint32Array(3 * vocabStride).fill(5);
  const clear = countClear.plan({ numStarted: 2, vocabStride }, test.profile);
  const started = { started_slots: Uint32Array.of(2, 0), counts: stale };
  let { counts } = await runKernels(test, [clear], started);
  for (const { words, numMarks } of fillings) {
    // A buffer that holds older marks behind those that are meant, and more invocations than marks.
    const marks = new Uint32Array(tokenMarksBytes(200) / 4).fill(3);
    marks.set(words);
    const mark = countMark.plan({ maxMarks: numMarks + 100, vocab, vocabStride }, test.profile);
    ({ counts } = await runKernels(test, [mark], { marks, counts }));
  }
  const expected = stale
    .slice()
    .fill(0, 0, vocabStride)
    .fill(0, 2 * vocabStride)
    .fill(0x80000000, 0, 80);
  const entries = { 0: 0x80000000, 7: 0xc0000001, 8: 0x20000002, 9: 0x40000000, 10: 0x20000000, 1499: 0x80000000 };
  for (const [id, count] of Object.entries(entries)) expected[2 * vocabStride + Number(id)] = count;
  expect(counts).toEqual(expected);
});
