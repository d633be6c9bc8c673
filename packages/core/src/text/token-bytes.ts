// The bytes that a vocabulary entry stands for, for grammar masks: they need every token's exact bytes, also where those are
// a part of a character. Text is made by the tokenizer's own decoder, not here.
import { isJsonObject, type JsonObject, own } from './json.js';

/** How a vocabulary spells bytes, read off the decoder of tokenizer.json. */
interface Spelling {
  /** GPT-2's alphabet: one printable character for every byte. */
  readonly byteLevel: boolean;
  /** `<0x0A>` is a byte. */
  readonly byteFallback: boolean;
  /** The character that stands for a space, often `▁`. */
  readonly space: string | undefined;
}

function spellingOf(decoder: JsonObject | null): Spelling {
  const listed = decoder && own(decoder, 'decoders');
  const decoders = (Array.isArray(listed) ? listed : [decoder]).filter(isJsonObject);
  const find = (type: string): JsonObject | undefined => decoders.find((step) => step['type'] === type);
  const replace = find('Replace');
  const pattern = replace && own(replace, 'pattern');
  const replaced = isJsonObject(pattern) && own(replace ?? {}, 'content') === ' ' ? own(pattern, 'String') : undefined;
  const metaspace = find('Metaspace');
  const space = replaced ?? (metaspace && (own(metaspace, 'replacement') ?? '▁'));
  return {
    byteLevel: find('ByteLevel') !== undefined,
    byteFallback: find('ByteFallback') !== undefined,
    space: typeof space === 'string' ? space : undefined,
  };
}

/** GPT-2's alphabet: printable Latin-1 stands for itself, the 68 other bytes for U+0100 and on, in order. */
function byteLevelAlphabet(): Map<string, number> {
  const bytes = new Map<string, number>();
  let numShifted = 0;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    bytes.set(String.fromCharCode(printable ? byte : 0x100 + numShifted++), byte);
  }
  return bytes;
}

/** Makes the function from a vocabulary entry (not an added token) to its bytes. */
export function createTokenBytes(decoder: JsonObject | null): (token: string) => Uint8Array {
  const { byteLevel, byteFallback, space } = spellingOf(decoder);
  const encoder = new TextEncoder();
  if (byteLevel) {
    const alphabet = byteLevelAlphabet();
    return (token) => Uint8Array.from(token, (char) => alphabet.get(char) ?? 0);
  }
  return (token) => {
    const byte = byteFallback ? /^<0x([0-9A-F]{2})>$/.exec(token)?.[1] : undefined;
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return encoder.encode(space === undefined ? token : token.replaceAll(space, ' '));
  };
}
