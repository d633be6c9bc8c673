// Clear and mark, one after the other, as at the start of a sequence.
import { expect, it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { runKernels } from '../../testing/run.js';
import { numTokenMarks, tokenMarksBytes, writeTokenMarks } from './sampling-buffers.js';
import { countClear, countMark } from './token-counts.js';

it('clears the counts of started slots and marks their tokens', async () => {
  const test = await testDevice();
  const vocab = 1500;
  const vocabStride = 1504;
  const slots = [
    { slot: 2, prompt: [0, 7, 7, 1499, 1500], generated: [7, 8, 8], banned: [7, 9] },
    { slot: 0, prompt: Array.from({ length: 80 }, (_, id) => id), generated: [], banned: [] },
  ];
  const marks = new Uint32Array(tokenMarksBytes(200) / 4).fill(3);
  writeTokenMarks(marks, slots);
  const stale = new Uint32Array(3 * vocabStride).fill(5);
  const started = Uint32Array.of(2, 0);
  const { counts } = await runKernels(
    test,
    [
      countClear.plan({ numStarted: 2, vocabStride }, test.profile),
      countMark.plan({ maxMarks: 200, vocab, vocabStride }, test.profile),
    ],
    { started_slots: started, marks, counts: stale },
  );
  const expected = stale
    .slice()
    .fill(0, 0, vocabStride)
    .fill(0, 2 * vocabStride)
    .fill(0x80000000, 0, 80);
  const entries = { 0: 0x80000000, 7: 0xc0000001, 8: 2, 9: 0x40000000, 1499: 0x80000000 };
  for (const [id, count] of Object.entries(entries)) expected[2 * vocabStride + Number(id)] = count;
  expect(counts).toEqual(expected);
  expect(numTokenMarks(slots)).toBe(90);
});
