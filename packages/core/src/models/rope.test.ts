// Rotary tables: how every scaling type reads its keys and moves the frequencies.
import { describe, expect, it } from 'vitest';
import { RawConfig } from './raw-config.js';
import { needsOwnTable, readRope, ropeFrequencies, ropeTable } from './rope.js';

const read = (config: Record<string, unknown>, dims = 8, maxPositions = 64) =>
  readRope(new RawConfig(config), dims, maxPositions);

describe('readRope', () => {
  it('reads the base from rope_theta or from rope_parameters', () => {
    expect(read({ rope_theta: 5e6 }).theta).toBe(5e6);
    expect(read({ rope_parameters: { rope_theta: 1e6, rope_type: 'default' } })).toEqual({
      theta: 1e6,
      dims: 8,
      scaling: { type: 'none' },
    });
    expect(read({}).theta).toBe(10000);
  });

  it('refuses a scaling type that it does not know, by name', () => {
    expect(() => read({ rope_scaling: { type: 'spiral', factor: 2 } })).toThrowError(/'spiral' is not known/);
  });

  it('refuses a factor that is no positive number', () => {
    expect(() => read({ rope_scaling: { type: 'linear', factor: 0 } })).toThrowError(
      /factor must be a positive number/,
    );
    expect(() => read({ rope_scaling: { type: 'linear' } })).toThrowError(/factor must be a positive number/);
  });
});

describe('ropeFrequencies', () => {
  it('falls geometrically from 1', () => {
    const frequencies = ropeFrequencies(read({ rope_theta: 10000 }), 1);
    expect([...frequencies]).toEqual([1, 10000 ** -0.25, 10000 ** -0.5, 10000 ** -0.75]);
  });

  it('divides by the factor when linear', () => {
    const plain = ropeFrequencies(read({}), 1);
    const linear = ropeFrequencies(read({ rope_scaling: { type: 'linear', factor: 4 } }), 1);
    expect([...linear]).toEqual([...plain].map((frequency) => frequency / 4));
  });

  it('keeps fast, divides slow and blends middle frequencies for llama3', () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const rope = read({ rope_scaling: { ...scaling, original_max_position_embeddings: 32 } }, 32);
    const plain = ropeFrequencies({ ...rope, scaling: { type: 'none' } }, 1);
    const ratios = [...ropeFrequencies(rope, 1)].map((frequency, i) => frequency / (plain[i] ?? 1));
    expect(ratios[0]).toBe(1);
    expect(ratios.at(-1)).toBeCloseTo(1 / 8, 12);
    expect(ratios.some((ratio) => ratio > 0.13 && ratio < 0.99)).toBe(true);
  });

  it('raises the base with the length only past the trained one when dynamic', () => {
    const rope = read({ rope_scaling: { type: 'dynamic', factor: 2 } }, 8, 16);
    expect(needsOwnTable(rope, 16)).toBe(false);
    expect(needsOwnTable(rope, 17)).toBe(true);
    expect(ropeFrequencies(rope, 16)).toEqual(ropeFrequencies(rope, 1));
    const base = 10000 * ((2 * 32) / 16 - 1) ** (8 / 6);
    expect(ropeFrequencies(rope, 32)[1]).toBeCloseTo(base ** -0.25, 12);
  });
});

describe('longrope', () => {
  const scaling = { type: 'longrope', short_factor: [1, 1, 2, 2], long_factor: [1, 4, 8, 16] };
  const rope = () => read({ rope_scaling: scaling, original_max_position_embeddings: 16 }, 8, 128);

  it('divides frequencies by one list up to the original length, and by the other beyond', () => {
    const plain = ropeFrequencies(read({}), 1);
    const ratios = (length: number) => [...ropeFrequencies(rope(), length)].map((f, i) => (plain[i] ?? 0) / f);
    expect(ratios(16)).toEqual(scaling.short_factor.map((factor) => expect.closeTo(factor, 12)));
    expect(ratios(17)).toEqual(scaling.long_factor.map((factor) => expect.closeTo(factor, 12)));
    expect([needsOwnTable(rope(), 16), needsOwnTable(rope(), 17)]).toEqual([false, true]);
  });

  it('scales by the root of 1 + ln(stretch) / ln(original length), at every length', () => {
    expect(ropeTable(rope(), 1, 1)[0]).toBeCloseTo(Math.sqrt(1 + Math.log(8) / Math.log(16)), 6);
    expect(ropeTable(rope(), 1, 50)[0]).toBeCloseTo(Math.sqrt(1 + Math.log(8) / Math.log(16)), 6);
  });

  it.each([
    ['is missing', undefined],
    ['is of another length', [1, 1, 1]],
    ['has a zero', [1, 1, 1, 0]],
  ])('refuses a list that %s', (_what, long_factor) => {
    expect(() => read({ rope_scaling: { ...scaling, long_factor } })).toThrowError(/long_factor/);
  });
});

describe('ntk_alpha', () => {
  it('raises the base in steps, one for each doubling of the trained length', () => {
    const rope = { theta: 10000, dims: 8, scaling: { type: 'ntk_alpha', originalMaxPositions: 16 } } as const;
    const alphaAt = (length: number) => (ropeFrequencies(rope, length)[1] ?? 0) ** -4 / 10000;
    for (const [length, alpha] of [
      [1, 1],
      [16, 1],
      [17, 3],
      [32, 3],
      [33, 7],
      [64, 7],
      [65, 15],
    ] as const) {
      expect(alphaAt(length)).toBeCloseTo(alpha ** (8 / 6), 9);
    }
    expect([needsOwnTable(rope, 16), needsOwnTable(rope, 17)]).toEqual([false, true]);
  });
});

describe('ropeTable', () => {
  it('holds (cos, sin) per position and pair, times the attention factor of yarn', () => {
    const table = ropeTable(read({}), 3, 1);
    expect(table.length).toBe(3 * 8);
    expect([...table.subarray(0, 2)]).toEqual([1, 0]);
    expect(table[2 * 8]).toBeCloseTo(Math.cos(2), 6);
    expect(table[2 * 8 + 1]).toBeCloseTo(Math.sin(2), 6);
    const yarn = ropeTable(read({ rope_scaling: { type: 'yarn', factor: 4 } }), 1, 1);
    expect(yarn[0]).toBeCloseTo(0.1 * Math.log(4) + 1, 6);
  });
});
