// SentencePiece models, BPE and Unigram: text to pieces and back, with SentencePiece's own results. Reading the file is
// sentencepiece-model.ts.
import { type AddedToken, type TokenCodec, wellFormed } from './codec.js';
import { mergePairs } from './merge.js';
import { PrefixIndex } from './prefix-index.js';
import { bytePiece, type Piece, type PieceType, type SentencePieceModel } from './sentencepiece-model.js';
import { SentencePieceNormalizer, SPACE_SYMBOL } from './sentencepiece-normalizer.js';
import { bestCut, type UnigramScores } from './unigram.js';

/** A character without a piece costs this much more than the worst piece. */
const UNKNOWN_PENALTY = 10;

/** Types whose pieces are found in text; the others have ids of their own. */
const TEXT_TYPES: ReadonlySet<PieceType> = new Set<PieceType>(['normal', 'userDefined', 'unused']);

/** ChatGLM2 and 3 have special tokens behind the model's pieces, and two of them before every text. */
const CHATGLM = {
  tokenizerClass: 'ChatGLMTokenizer',
  numPieces: 64_789,
  specialTokens: ['[MASK]', '[gMASK]', '[sMASK]', 'sop', 'eop'],
  prefix: ['[gMASK]', 'sop'],
};

/** SentencePiece as a codec. */
export class SentencePieceCodec implements TokenCodec {
  readonly numTokens: number;
  readonly specialTokens: readonly AddedToken[];
  readonly prefix: readonly number[];
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly leadingSpaces: TokenCodec['leadingSpaces'];
  readonly #pieces: readonly Piece[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #unknownId: number;
  readonly #byteFallback: boolean;
  readonly #userDefined: PrefixIndex;
  readonly #normalizer: SentencePieceNormalizer;
  /** Missing: the model is BPE. */
  readonly #unigram: UnigramScores | undefined;
  readonly #encoder = new TextEncoder();

  /** @param tokenizerClass of tokenizer_config.json */
  constructor(model: SentencePieceModel, tokenizerClass: string | undefined) {
    const { pieces, normalizer } = model;
    this.numTokens = pieces.length;
    this.#pieces = pieces;
    this.#idOf = new Map(pieces.map(({ text }, id) => [text, id]));
    this.#unknownId = pieces.findIndex(({ type }) => type === 'unknown');
    this.#byteFallback = model.byteFallback;
    this.#userDefined = new PrefixIndex(textsOf(pieces, ['userDefined']));
    this.#normalizer = new SentencePieceNormalizer(normalizer, this.#userDefined);
    this.#unigram = model.type === 'unigram' ? unigramScores(pieces, this.#idOf, this.#encoder) : undefined;
    const isChatGlm = tokenizerClass ? tokenizerClass === CHATGLM.tokenizerClass : pieces.length === CHATGLM.numPieces;
    this.specialTokens = [
      ...pieces
        .map(({ text, type }, id) => ({ id, content: text, special: true, type }))
        .filter(({ type }) => type === 'control' || type === 'unknown'),
      ...(isChatGlm ? CHATGLM.specialTokens : []).map((content, i) => {
        return { id: pieces.length + i, content, special: true, isHidden: true };
      }),
    ];
    this.bosToken = this.#control(model.bosToken);
    this.eosToken = this.#control(model.eosToken);
    const prefix = isChatGlm ? CHATGLM.prefix : [this.bosToken];
    this.prefix = this.specialTokens.filter(({ content }) => prefix.includes(content)).map(({ id }) => id);
    this.leadingSpaces = normalizer.removeExtraWhitespaces ? 'none' : normalizer.addDummyPrefix ? 'oneLess' : 'all';
  }

  encode(text: string, isStart: boolean): number[] {
    const normalized = this.#normalizer.normalize(wellFormed(text), isStart);
    const pieces = this.#unigram ? bestCut(normalized, this.#unigram) : this.#merge(normalized);
    return this.#idsOf(pieces);
  }

  bytesOf(id: number): Uint8Array | undefined {
    const piece = this.#pieces[id];
    if (!piece) return undefined;
    if (piece.type === 'byte') return Uint8Array.of(Number.parseInt(piece.text.slice(3, 5), 16));
    return TEXT_TYPES.has(piece.type) ? this.#encoder.encode(piece.text.replaceAll(SPACE_SYMBOL, ' ')) : undefined;
  }

  tokenToId(token: string): number | undefined {
    return this.#idOf.get(token);
  }

  #control(token: string): string | undefined {
    return this.#pieces[this.#idOf.get(token) ?? -1]?.type === 'control' ? token : undefined;
  }

  /** Pieces of the user are never merged with anything, so what lies between them is merged on its own. */
  #merge(text: string): string[] {
    return Array.from(this.#userDefined.split(text)).flatMap((part) =>
      part.isMatch ? [part.text] : this.#mergeBetween(part.text),
    );
  }

  #mergeBetween(text: string): string[] {
    /** Unused pieces are made on the way to others; those that stay are taken apart again. */
    const halves = new Map<string, readonly [string, string]>();
    const merged = mergePairs([...text], (joined, left, right) => {
      const piece = this.#pieces[this.#idOf.get(joined) ?? -1];
      if (!piece || !TEXT_TYPES.has(piece.type)) return undefined;
      if (piece.type === 'unused') halves.set(joined, [left, right]);
      return piece.score;
    });
    const takeApart = (symbol: string): string[] => halves.get(symbol)?.flatMap(takeApart) ?? [symbol];
    return halves.size === 0 ? merged : merged.flatMap(takeApart);
  }

  /** Without byte fallback, neighbours without a piece are unknown together. */
  #idsOf(pieces: readonly string[]): number[] {
    const ids: number[] = [];
    let wasUnknown = false;
    for (const piece of pieces) {
      const found = this.#idOf.get(piece);
      const id = found === undefined || this.#pieces[found]?.type === 'unused' ? this.#unknownId : found;
      const isUnknown = id === this.#unknownId;
      if (isUnknown && this.#byteFallback) {
        for (const byte of this.#encoder.encode(piece)) ids.push(this.#idOf.get(bytePiece(byte)) ?? this.#unknownId);
      } else if (!(isUnknown && wasUnknown)) {
        ids.push(id);
      }
      wasUnknown = isUnknown;
    }
    return ids;
  }
}

function textsOf(pieces: readonly Piece[], types: readonly PieceType[]): string[] {
  return pieces.filter(({ type }) => types.includes(type)).map(({ text }) => text);
}

function unigramScores(
  pieces: readonly Piece[],
  idOf: ReadonlyMap<string, number>,
  encoder: TextEncoder,
): UnigramScores {
  // SentencePiece begins with the smallest f32 above 0, so log probabilities never raise `max`.
  let [min, max] = [Number.POSITIVE_INFINITY, 2 ** -126];
  for (const { type, score } of pieces) {
    if (type !== 'normal') continue;
    min = Math.min(min, score);
    max = Math.max(max, score);
  }
  const scoreOf = (text: string): number => {
    const piece = pieces[idOf.get(text) ?? -1];
    // A piece of the user beats whatever else its bytes could be.
    return piece?.type === 'userDefined' ? encoder.encode(text).length * max - 0.1 : (piece?.score ?? min);
  };
  return {
    index: new PrefixIndex(textsOf(pieces, ['normal', 'userDefined'])),
    scoreOf,
    unknownScore: Math.fround(min - UNKNOWN_PENALTY),
  };
}
