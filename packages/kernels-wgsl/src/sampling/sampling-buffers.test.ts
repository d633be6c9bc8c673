// The layout of what JavaScript writes for the sampling kernels.
import { describe, expect, it } from 'vitest';
import { plain } from '../../testing/sampling.js';
import { MAX_BIASES, MAX_STOP_IDS, numSampleChunks, SLOT_PARAMS_BYTES, writeSlotParams } from './sampling-buffers.js';

describe('layout', () => {
  it('slot params have the order of state.wgsl', () => {
    const view = new DataView(new ArrayBuffer(3 * SLOT_PARAMS_BYTES));
    const sampling = {
      ...plain,
      topP: 0.5,
      topK: 4,
      seed: 0xfffffffe,
      stopIds: [11, 12],
      hasBanned: true,
      numTopLogprobs: 3,
      biases: new Map([
        [70, 0.5],
        [9, -100],
      ]),
    };
    writeSlotParams(view, SLOT_PARAMS_BYTES, sampling);
    const words = new Uint32Array(view.buffer, SLOT_PARAMS_BYTES, SLOT_PARAMS_BYTES / 4);
    expect([...words.subarray(6, 15)]).toEqual([4, 0xfffffffe, 1000, 0, 1, 2, 11, 12, 0]);
    expect([...words.subarray(20, 28)]).toEqual([4, 2, 9, 0xc2c80000, 70, 0x3f000000, 0, 0]);
    expect(view.getFloat32(SLOT_PARAMS_BYTES + 4, true)).toBe(0.5);
    expect([view.getUint32(SLOT_PARAMS_BYTES - 4), view.getUint32(2 * SLOT_PARAMS_BYTES)]).toEqual([0, 0]);
    const stopIds = Array.from({ length: MAX_STOP_IDS + 1 }, (_, id) => id);
    expect(() => writeSlotParams(view, 0, { ...plain, stopIds })).toThrow(RangeError);
    const biases = new Map(Array.from({ length: MAX_BIASES + 1 }, (_, id) => [id, 1]));
    expect(() => writeSlotParams(view, 0, { ...plain, biases })).toThrow(RangeError);
    biases.delete(0);
    writeSlotParams(view, 0, { ...plain, biases });
    expect(view.getUint32(SLOT_PARAMS_BYTES - 8, true)).toBe(MAX_BIASES);
  });

  it('a chunk is 512 tokens', () => {
    expect([10, 512, 513, 152_064].map(numSampleChunks)).toEqual([1, 1, 2, 297]);
  });
});
