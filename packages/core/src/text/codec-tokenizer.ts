// The tokenizer over a vocabulary file: finds special tokens in text, puts others around it, and joins bytes to text. The text
// between special tokens is the codec's.
import type { AddedToken, TokenCodec } from './codec.js';
import { PrefixIndex } from './prefix-index.js';
import type { DecodeOptions, EncodeOptions, Tokenizer } from './tokenizer.js';

/** What the checkpoint's other files say about special tokens. */
export interface SpecialTokenRules {
  /** Beside those of the vocabulary; one with the same id takes its place. */
  readonly addedTokens: readonly AddedToken[];
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  /** Whether BOS stands before a text, and EOS behind it; undefined: as the vocabulary's family has it. */
  readonly addBos: boolean | undefined;
  readonly addEos: boolean;
  /** A text behind a special token begins as if it stood alone. */
  readonly restartsBehindSpecial: boolean;
}

/** A codec as a tokenizer. */
export class CodecTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly specialIds: ReadonlySet<number>;
  readonly #codec: TokenCodec;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #addedByContent: ReadonlyMap<string, AddedToken>;
  readonly #index: PrefixIndex;
  readonly #prefix: readonly number[];
  readonly #suffix: readonly number[];
  readonly #restartsBehindSpecial: boolean;
  readonly #encoder = new TextEncoder();

  constructor(codec: TokenCodec, rules: SpecialTokenRules) {
    const tokens = [...codec.specialTokens, ...rules.addedTokens];
    this.#codec = codec;
    this.#added = new Map(tokens.map((token) => [token.id, token]));
    this.#addedByContent = new Map(Array.from(this.#added.values(), (token) => [token.content, token]));
    const visible = [...this.#added.values()].filter(({ isHidden }) => !isHidden);
    this.#index = new PrefixIndex(visible.map(({ content }) => content));
    this.specialIds = new Set(tokens.filter(({ special }) => special).map(({ id }) => id));
    this.vocabSize = tokens.reduce((size, { id }) => Math.max(size, id + 1), codec.numTokens);
    const idOf = (token: string | undefined): number | undefined =>
      token === undefined ? undefined : this.tokenToId(token);
    this.bosId = idOf(rules.bosToken ?? codec.bosToken);
    this.eosId = idOf(rules.eosToken ?? codec.eosToken);
    this.#prefix = prefixOf(codec, rules, this.bosId);
    this.#suffix = rules.addEos && this.eosId !== undefined ? [this.eosId] : [];
    this.#restartsBehindSpecial = rules.restartsBehindSpecial;
  }

  encode(text: string, { addSpecialTokens = true }: EncodeOptions = {}): number[] {
    const ids = addSpecialTokens ? [...this.#prefix] : [];
    let isStart = true;
    let stripsNext = false;
    const parts = [...this.#index.split(text)];
    for (const [i, part] of parts.entries()) {
      const token = part.isMatch ? this.#addedByContent.get(part.text) : undefined;
      if (token) {
        ids.push(token.id);
        isStart = this.#restartsBehindSpecial;
        stripsNext = token.rstrip ?? false;
        continue;
      }
      const follower = this.#addedByContent.get(parts[i + 1]?.text ?? '');
      const left = stripsNext ? part.text.trimStart() : part.text;
      const plain = follower?.lstrip ? left.trimEnd() : left;
      for (const id of this.#codec.encode(plain, isStart)) ids.push(id);
      isStart = false;
    }
    return addSpecialTokens ? [...ids, ...this.#suffix] : ids;
  }

  decode(ids: readonly number[], { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const shown = ids.filter((id) => !(skipSpecialTokens && this.specialIds.has(id)));
    const chunks = shown.map((id) => this.#bytesOf(id)).filter((bytes) => bytes !== undefined);
    const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    const { leadingSpaces } = this.#codec;
    if (leadingSpaces === 'all' || this.#added.has(shown[0] ?? -1)) return text;
    return text.replace(leadingSpaces === 'none' ? /^ +/ : /^ /, '');
  }

  tokenToId(token: string): number | undefined {
    return this.#addedByContent.get(token)?.id ?? this.#codec.tokenToId(token);
  }

  tokenBytes(id: number): Uint8Array | undefined {
    return this.specialIds.has(id) ? undefined : this.#bytesOf(id);
  }

  #bytesOf(id: number): Uint8Array | undefined {
    const added = this.#added.get(id);
    return added ? this.#encoder.encode(added.content) : this.#codec.bytesOf(id);
  }
}

function prefixOf(codec: TokenCodec, { addBos }: SpecialTokenRules, bosId: number | undefined): readonly number[] {
  if (addBos === undefined) return codec.prefix;
  return addBos && bosId !== undefined ? [bosId] : [];
}
