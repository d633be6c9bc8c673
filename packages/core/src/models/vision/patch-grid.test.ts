// Patches of tiles in their own shape: windows, angles, and the way back from a processor's order.
import { describe, expect, it } from 'vitest';
import { RawConfig } from '../raw-config.js';
import { patchOrder, rotaryTable, tileOfPatches, windowMoves, windowsOf } from './patch-grid.js';
import { readQwen2VlTower, readQwen25VlTower } from './qwen-vl-towers.js';
import { patchify } from './vit.js';

const plain = readQwen2VlTower(new RawConfig({ embed_dim: 16, num_heads: 2, patch_size: 1 }));
const windowed = readQwen25VlTower(
  new RawConfig({ hidden_size: 16, num_heads: 2, patch_size: 1, spatial_merge_size: 1, window_size: 2 }),
);

describe('windows', () => {
  it('hold patches line by line, those at the edges fewer', () => {
    expect(windowsOf(windowed, { rows: 3, cols: 3 })).toEqual([[0, 1, 3, 4], [2, 5], [6, 7], [8]]);
  });

  it('are one without a window size', () => {
    expect(windowsOf(plain, { rows: 2, cols: 3 })).toEqual([[0, 1, 2, 3, 4, 5]]);
  });

  it('decide the order of patches, each with its frames', () => {
    const tile = Float32Array.from({ length: 27 }, (_, i) => i);
    const rows = patchify(windowed, tile, 8, { rows: 3, cols: 3 });
    const first = Array.from({ length: 9 }, (_, row) => rows[row * 8]);
    expect(first).toEqual([0, 1, 3, 4, 2, 5, 6, 7, 8]);
    expect([...rows.subarray(8, 16)]).toEqual([1, 1, 10, 10, 19, 19, 0, 0]);
  });
});

describe('padded windows', () => {
  const padded = { ...windowed, windows: { side: 2, fullLayers: [], isPadded: true } };
  const grid = { rows: 3, cols: 3 };

  it('leave the rows of the tower line by line', () => {
    expect(patchOrder(padded, grid)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(patchOrder(windowed, grid)).toEqual([0, 1, 3, 4, 2, 5, 6, 7, 8]);
  });

  it('are filled up with rows of nothing, and every patch finds its way back', () => {
    const { into, outOf } = windowMoves(padded, grid);
    const none = 0xffffffff;
    const sources = Array.from(into).filter((_, i) => i % 2 === 1);
    expect(sources).toEqual([0, 1, 3, 4, 2, none, 5, none, 6, 7, none, none, 8, none, none, none]);
    for (let patch = 0; patch < 9; patch++) {
      expect(outOf[2 * patch]).toBe(patch);
      expect(sources[outOf[2 * patch + 1] ?? 0]).toBe(patch);
    }
  });

  it('move nothing where windows are not padded', () => {
    expect(windowMoves(windowed, grid).into.length).toBe(0);
  });
});

describe('angles', () => {
  it('are by line for half of the pairs, by column for the others', () => {
    const table = rotaryTable(plain, { rows: 2, cols: 3 }, [5]);
    const angles = [1, 0.01, 2, 0.02];
    expect(table.length).toBe(8);
    angles.forEach((angle, pair) => {
      expect(table[2 * pair]).toBeCloseTo(Math.cos(angle), 6);
      expect(table[2 * pair + 1]).toBeCloseTo(Math.sin(angle), 6);
    });
  });
});

describe('patches of a processor', () => {
  it('become the tile that they were cut from', () => {
    const tile = Float32Array.from({ length: 3 * 2 * 4 }, (_, i) => i);
    // Two blocks of 2 × 2 patches of a pixel, of each three channels with two frames.
    const order = [0, 1, 4, 5, 2, 3, 6, 7];
    const values = order.flatMap((pixel) => [0, 8, 16].flatMap((channel) => [channel + pixel, channel + pixel]));
    expect(tileOfPatches(plain, { rows: 2, cols: 4 }, 2, Float32Array.from(values))).toEqual(tile);
  });
});

describe('towers', () => {
  it('have the sizes of the published configs by default', () => {
    const none = new RawConfig({});
    expect(readQwen2VlTower(none)).toMatchObject({
      ...{ hiddenSize: 1280, intermediateSize: 5120, numLayers: 32, headDim: 80, imageSize: 1008 },
      ...{ norm: 'layer', activation: 'quick_gelu', windows: undefined },
    });
    expect(readQwen25VlTower(new RawConfig({ fullatt_block_indexes: [7, 15] }))).toMatchObject({
      ...{ hiddenSize: 1280, intermediateSize: 3420, norm: 'rms', activation: 'silu_mul' },
      windows: { side: 8, fullLayers: [7, 15] },
    });
  });

  it.each([
    ['another gate', { hidden_act: 'gelu' }],
    ['windows smaller than a block', { window_size: 27 }],
    ['heads of odd width', { hidden_size: 30 }],
  ])('refuse %s', (_what, config) => {
    expect(() => readQwen25VlTower(new RawConfig({ num_heads: 2, ...config }))).toThrowError(
      expect.objectContaining({ code: 'unsupported_model' }),
    );
  });
});
