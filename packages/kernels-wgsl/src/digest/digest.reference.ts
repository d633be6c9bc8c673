// Reference of digest: the same integers.

/** Returns states `[numInvocations, 4]` after `data` was mixed into those before. */
export function digestReference(before: Uint32Array, data: Uint32Array): Float64Array {
  const states = Int32Array.from(before);
  for (const [i, word] of data.entries()) {
    const at = i % states.length;
    const mixed = Math.imul((states[at] ?? 0) ^ word, 0x9e3779b1);
    states[at] = mixed ^ (mixed >>> 15);
  }
  return Float64Array.from(states, (state) => state >>> 0);
}
