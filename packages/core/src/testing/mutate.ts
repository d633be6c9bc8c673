// Damages bytes for fuzz tests: a seeded source of changes that parsers of untrusted files must survive.

/** Mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A copy of `bytes` with a few changes among its first `length`: bits, bytes, huge numbers, cuts, repeats. */
export function mutate(bytes: Uint8Array, length: number, random: () => number): Uint8Array {
  const int = (below: number): number => Math.floor(random() * below);
  let result = bytes.slice();
  for (let changes = 1 + int(3); changes > 0; changes--) {
    const at = int(Math.min(length, result.length));
    const kind = int(7);
    if (kind === 0) result[at] = (result[at] ?? 0) ^ (1 << int(8));
    else if (kind === 1) result[at] = int(256);
    else if (kind === 2) result.fill(0xff, at, at + 1 + int(8));
    else if (kind === 3) result.fill(0, at, at + 1 + int(8));
    else if (kind === 4) result = result.slice(0, at);
    else if (kind === 5) result.copyWithin(at, int(length), int(length));
    else {
      const longer = new Uint8Array(result.length + 1);
      longer.set(result);
      longer.copyWithin(at + 1, at, result.length);
      result = longer;
    }
    if (result.length === 0) return result;
  }
  return result;
}
