// SHA-256 of bytes that come bit by bit (FIPS 180-4), for browsers, whose own hashes want all of them at once. Node has one
// that is faster.
import type { RunningHash } from './storage.js';

const BLOCK = 64;

/** Makes a hash of nothing so far. */
export function createSha256(): RunningHash {
  const state = firstRootBits(8, 2);
  const constants = firstRootBits(64, 3);
  const schedule = new Int32Array(64);
  const rest = new Uint8Array(BLOCK);
  let numRest = 0;
  let numBytes = 0;

  const compress = (bytes: Uint8Array, from: number, to: number): void => {
    for (let at = from; at < to; at += BLOCK) compressBlock(state, constants, schedule, bytes, at);
  };
  const update = (bytes: Uint8Array): void => {
    numBytes += bytes.length;
    let at = 0;
    if (numRest > 0) {
      at = Math.min(BLOCK - numRest, bytes.length);
      rest.set(bytes.subarray(0, at), numRest);
      numRest += at;
      if (numRest < BLOCK) return;
      compress(rest, 0, BLOCK);
    }
    const end = at + Math.floor((bytes.length - at) / BLOCK) * BLOCK;
    compress(bytes, at, end);
    rest.set(bytes.subarray(end));
    numRest = bytes.length - end;
  };
  return {
    update,
    digest() {
      const length = numBytes;
      // A one bit, zeros, and the number of bits in the last eight bytes of a block.
      const padding = new Uint8Array(((119 - (length % BLOCK)) % BLOCK) + 9);
      padding[0] = 0x80;
      new DataView(padding.buffer).setBigUint64(padding.length - 8, BigInt(length) * 8n);
      update(padding);
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    },
  };
}

function compressBlock(state: Int32Array, constants: Int32Array, w: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const j = at + i * 4;
    w[i] =
      ((bytes[j] as number) << 24) |
      ((bytes[j + 1] as number) << 16) |
      ((bytes[j + 2] as number) << 8) |
      (bytes[j + 3] as number);
  }
  for (let i = 16; i < 64; i++) {
    const early = w[i - 15] as number;
    const late = w[i - 2] as number;
    const s0 = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
    const s1 = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
  }
  // Read one by one: taking an array apart costs more than the rest of the block.
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (constants[i] as number) + (w[i] as number)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

/** The first 32 bits of the fractions of the roots of the first primes, in integers: doubles have too few digits for some. */
function firstRootBits(count: number, degree: 2 | 3): Int32Array {
  const roots = new Int32Array(count);
  for (let n = 2, i = 0; i < count; n++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) isPrime = false;
    if (isPrime) roots[i++] = Number(BigInt.asIntN(32, integerRoot(BigInt(n) << BigInt(32 * degree), degree)));
  }
  return roots;
}

/** The largest integer whose power is at most `value`. */
function integerRoot(value: bigint, degree: 2 | 3): bigint {
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) {
    const candidate = root | bit;
    if (candidate ** BigInt(degree) <= value) root = candidate;
  }
  return root;
}
