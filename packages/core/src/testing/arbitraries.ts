// What property tests draw from, beside what they define themselves.
import fc from 'fast-check';

/** The value in one case of four, else undefined. */
export function sometimes<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}
