// SentencePiece's compiled normalisation rules (nmt_nfkc and its like): a double-array trie from the bytes of what is replaced
// to the place of its replacement. The format is that of the darts-clone library, as SentencePiece stores it.
import { PagemindError } from '../errors.js';

/** The longest replacement of NFKC has 33 bytes; it bounds how much a text can grow. */
const MAX_REPLACEMENT_BYTES = 256;

function fail(message: string): never {
  throw new PagemindError(
    'invalid_tokenizer',
    `The normalisation rules of the SentencePiece model are damaged: ${message}.`,
    {
      hint: 'Download the .model file again.',
    },
  );
}

/** Normalisation rules. */
export class Charsmap {
  readonly #units: Uint32Array;
  /** Replacements, each with a NUL behind it. */
  readonly #replacements: Uint8Array;

  /** @param blob the trie's size in bytes (u32), the trie, the replacements */
  constructor(blob: Uint8Array) {
    const size = blob.length < 4 ? 0 : new DataView(blob.buffer, blob.byteOffset).getUint32(0, true);
    if (size === 0 || size % 4 !== 0 || size > blob.length - 4) fail('their size is wrong');
    const trie = new DataView(blob.buffer, blob.byteOffset + 4, size);
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => trie.getUint32(4 * i, true));
    this.#replacements = blob.subarray(4 + size);
  }

  /** Applies the longest rule at every place; a character without one stays. */
  apply(text: string): string {
    const bytes = new TextEncoder().encode(text);
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const parts: string[] = [];
    let kept = 0;
    for (let at = 0; at < bytes.length; ) {
      const rule = this.#longestRule(bytes, at);
      if (!rule) {
        at += charLength(bytes[at] ?? 0);
        continue;
      }
      parts.push(decoder.decode(bytes.subarray(kept, at)), decoder.decode(this.#replacement(rule.value)));
      at += rule.length;
      kept = at;
    }
    parts.push(decoder.decode(bytes.subarray(kept)));
    return parts.join('');
  }

  #replacement(start: number): Uint8Array {
    const rest = this.#replacements.subarray(start, start + MAX_REPLACEMENT_BYTES + 1);
    const end = rest.indexOf(0);
    if (end < 0) fail('a rule leads nowhere');
    return rest.subarray(0, end);
  }

  /** A unit is: its label in bits 0-7 and 31, whether a rule ends here in bit 8, the way to its children above. */
  #longestRule(bytes: Uint8Array, start: number): { length: number; value: number } | undefined {
    const units = this.#units;
    let longest: { length: number; value: number } | undefined;
    let place = childrenOf(units[0] ?? 0);
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      place ^= byte;
      const unit = units[place];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) break;
      place ^= childrenOf(unit);
      if ((unit & 0x100) === 0) continue;
      longest = { length: at + 1 - start, value: (units[place] ?? fail('the trie leads outside')) & 0x7fffffff };
    }
    return longest;
  }
}

function childrenOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}

/** How many bytes the character has that begins with this one. */
function charLength(byte: number): number {
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
