// The rate of the last seconds, and the time that is left at it.
import { expect, it } from 'vitest';
import { RateMeter } from './rate.js';

it('tells the rate of the last seconds', () => {
  let now = 0;
  const meter = new RateMeter(() => now);
  const at = (seconds: number, bytes: number): ReturnType<RateMeter['pace']> => {
    now = seconds * 1000;
    return meter.pace(bytes, 10_000);
  };
  expect(at(0, 4000)).toEqual({}); // of an earlier attempt
  expect(at(0.4, 4400)).toEqual({}); // too early
  expect(at(1, 5000)).toEqual({ bytesPerSecond: 1000, secondsLeft: 5 });
  expect(at(3, 5000)).toEqual({ bytesPerSecond: 1000 / 3, secondsLeft: 15 });
  expect(at(9, 5000)).toEqual({}); // it stands still
  expect(at(10, 7000)).toEqual({ bytesPerSecond: 2000 / 7, secondsLeft: 10.5 });
  expect(at(30, 10_000)).toEqual({ bytesPerSecond: 150, secondsLeft: 0 });
});
