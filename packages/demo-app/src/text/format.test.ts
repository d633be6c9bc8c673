// Numbers for people.
import { describe, expect, it } from 'vitest';
import { formatBytes, formatMilliseconds, formatNumber } from './format.js';

describe('numbers', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [2_630_000, '2.63 MB'],
    [45_600_000, '45.6 MB'],
    [4_294_967_296, '4.29 GB'],
  ])('%d bytes are %s', (numBytes, text) => {
    expect(formatBytes(numBytes, 'en')).toBe(text);
  });

  it('have three digits', () => {
    expect([0.4231, 13.24, 1204.6].map((value) => formatNumber(value, 'en'))).toEqual(['0.42', '13.2', '1,205']);
  });

  it.each([
    [339.6, '340 ms'],
    [2400, '2.4 s'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatMilliseconds(ms, 'en')).toBe(text);
  });
});
