// What SentencePiece does to a text before it is cut into pieces: rules for characters, blanks, the dummy prefix. Cutting is
// sentencepiece.ts.
import { Charsmap } from './charsmap.js';
import type { PrefixIndex } from './prefix-index.js';
import type { NormalizerSpec } from './sentencepiece-model.js';

/** How a piece spells a space. */
export const SPACE_SYMBOL = '▁';

/** Makes the text that pieces are found in. */
export class SentencePieceNormalizer {
  readonly #spec: NormalizerSpec;
  readonly #charsmap: Charsmap | undefined;
  /** Pieces of the user, which no rule may change. */
  readonly #userDefined: PrefixIndex;

  constructor(spec: NormalizerSpec, userDefined: PrefixIndex) {
    this.#spec = spec;
    this.#charsmap = spec.charsmap.length === 0 ? undefined : new Charsmap(spec.charsmap);
    this.#userDefined = userDefined;
  }

  /** @param addDummy false: leave the dummy prefix out even if the model has one */
  normalize(text: string, addDummy: boolean): string {
    const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces, whitespaceIsSuffix } = this.#spec;
    const mapped = this.#applyRules(text);
    const collapsed = removeExtraWhitespaces ? mapped.replace(/ {2,}/g, ' ').replace(/^ /, '') : mapped;
    if (collapsed === '') return '';
    const space = escapeWhitespaces ? SPACE_SYMBOL : ' ';
    const dummy = addDummy && addDummyPrefix ? space : '';
    const prefixed = (whitespaceIsSuffix ? '' : dummy) + collapsed.replaceAll(' ', space);
    return (removeExtraWhitespaces ? trimEnd(prefixed, space) : prefixed) + (whitespaceIsSuffix ? dummy : '');
  }

  #applyRules(text: string): string {
    const charsmap = this.#charsmap;
    if (!charsmap) return text;
    const parts = Array.from(this.#userDefined.split(text), (part) =>
      part.isMatch ? part.text : charsmap.apply(part.text),
    );
    return parts.join('');
  }
}

function trimEnd(text: string, char: string): string {
  let end = text.length;
  while (text[end - 1] === char) end--;
  return text.slice(0, end);
}
