// The limit sees arrays made in every usual way, and goes away.
import { expect, it } from 'vitest';
import { ArrayLimit } from './array-limit.js';

it('refuses long arrays until it is restored', () => {
  const limit = new ArrayLimit();
  const makers = [
    () => new Uint8Array(11),
    () => new ArrayBuffer(11),
    () => Array.from({ length: 11 }, () => 0),
    () => Float32Array.from({ length: 11 }, () => 0),
    () => new Array(11),
  ];
  limit.install();
  limit.max = 10;
  const caught = makers.map((make) => {
    try {
      make();
      return 'made';
    } catch (error) {
      return (error as Error).message;
    }
  });
  const short = new Uint8Array(10) instanceof Uint8Array && Array.from({ length: 10 }, (_, i) => i).at(-1) === 9;
  limit.restore();
  expect(caught).toEqual(makers.map(() => 'an array of 11, at most 10'));
  expect(short).toBe(true);
  expect(makers.map((make) => make())).toHaveLength(5);
});
