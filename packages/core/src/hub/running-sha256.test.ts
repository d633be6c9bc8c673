// The hash of bytes that come bit by bit is the one that Node computes of all of them.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSha256 } from './running-sha256.js';

it('agrees with Node, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (parts) => {
      const [hash, reference] = [createSha256(), createHash('sha256')];
      for (const part of parts) {
        hash.update(new Uint8Array(part));
        reference.update(part);
      }
      expect(hash.digest()).toBe(reference.digest('hex'));
    }),
    { numRuns: 40 },
  );
});

it.each([0, 55, 56, 63, 64, 65, 119, 120, 100_000])('hashes %i bytes', (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => i * 31);
  const hash = createSha256();
  hash.update(bytes);
  expect(hash.digest()).toBe(createHash('sha256').update(bytes).digest('hex'));
});
