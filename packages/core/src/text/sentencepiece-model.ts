// Reads SentencePiece's .model file into plain data and checks it. Encoding is sentencepiece.ts.
import { PagemindError } from '../errors.js';
import { type ProtobufField, readProtobuf } from './protobuf.js';

/** What a piece is for. */
export type PieceType = 'normal' | 'unknown' | 'control' | 'userDefined' | 'unused' | 'byte';

/** An entry of the vocabulary; its id is its place. */
export interface Piece {
  /** Spaces are `▁`. */
  readonly text: string;
  /** BPE: the higher, the earlier it is made. Unigram: log probability. */
  readonly score: number;
  readonly type: PieceType;
}

/** What happens to a text before it is cut into pieces. */
export interface NormalizerSpec {
  /** Rules as SentencePiece compiles them; empty: none. */
  readonly charsmap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
  /** The dummy goes behind the text. */
  readonly whitespaceIsSuffix: boolean;
}

/** A SentencePiece model. */
export interface SentencePieceModel {
  readonly type: 'bpe' | 'unigram';
  readonly pieces: readonly Piece[];
  readonly normalizer: NormalizerSpec;
  /** Text without a piece is spelled in bytes. */
  readonly byteFallback: boolean;
  readonly bosToken: string;
  readonly eosToken: string;
}

/** Numbers of the parts in sentencepiece_model.proto. */
const FIELD = { piece: 1, trainer: 2, normalizer: 3, denormalizer: 5 };

const PIECE_TYPES: readonly PieceType[] = ['normal', 'unknown', 'control', 'userDefined', 'unused', 'byte'];

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The longest in use have some 400; it bounds what one character of text can cost. */
const MAX_PIECE_BYTES = 4096;

/** The piece of a byte. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function fail(message: string, cause?: unknown): never {
  throw new PagemindError('invalid_tokenizer', `The SentencePiece model cannot be used: ${message}.`, {
    hint: 'Download the .model file again; it may be cut short, or be a web page or a Git LFS pointer in its place.',
    cause,
  });
}

function* fieldsOf(bytes: Uint8Array): IterableIterator<ProtobufField> {
  try {
    yield* readProtobuf(bytes);
  } catch (cause) {
    fail(cause instanceof RangeError ? cause.message : String(cause), cause);
  }
}

/** Values of the fields of a message by number; the last one counts, as protocol buffers have it. */
class Message {
  readonly #fields: ReadonlyMap<number, ProtobufField>;

  constructor(bytes: Uint8Array) {
    const fields = new Map<number, ProtobufField>();
    for (const field of fieldsOf(bytes)) fields.set(field.number, field);
    this.#fields = fields;
  }

  int(number: number, fallback: number): number {
    const field = this.#fields.get(number);
    return field?.kind === 'varint' ? field.value : fallback;
  }

  flag(number: number, fallback: boolean): boolean {
    return this.int(number, fallback ? 1 : 0) !== 0;
  }

  float(number: number): number {
    const field = this.#fields.get(number);
    return field?.kind === 'fixed32' ? field.value.getFloat32(0, true) : 0;
  }

  bytes(number: number): Uint8Array {
    const field = this.#fields.get(number);
    return field?.kind === 'bytes' ? field.value : new Uint8Array(0);
  }

  text(number: number, fallback = ''): string {
    if (!this.#fields.has(number)) return fallback;
    try {
      return UTF8.decode(this.bytes(number));
    } catch (cause) {
      return fail('a piece is not text in UTF-8', cause);
    }
  }
}

function readPiece(bytes: Uint8Array, id: number): Piece {
  if (bytes.length > MAX_PIECE_BYTES) fail(`piece ${id} has ${bytes.length} bytes`);
  const message = new Message(bytes);
  const piece = { text: message.text(1), score: message.float(2), type: PIECE_TYPES[message.int(3, 1) - 1] };
  if (piece.text === '') fail(`piece ${id} is empty`);
  if (!Number.isFinite(piece.score)) fail(`the score of piece ${id} is no number`);
  return { ...piece, type: piece.type ?? fail(`piece ${id} is of an unknown type`) };
}

/**
 * Reads a .model file.
 * @throws PagemindError `invalid_tokenizer`.
 */
export function readSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  const pieces: Piece[] = [];
  const parts = new Map<number, Message>();
  for (const { number, kind, value } of fieldsOf(bytes)) {
    if (kind !== 'bytes') continue;
    if (number === FIELD.piece) pieces.push(readPiece(value, pieces.length));
    else if (number <= FIELD.denormalizer) parts.set(number, new Message(value));
  }
  const none = new Message(new Uint8Array(0));
  const training = parts.get(FIELD.trainer) ?? none;
  const rules = parts.get(FIELD.normalizer) ?? none;
  if ((parts.get(FIELD.denormalizer) ?? none).bytes(2).length > 0) fail('it has rules for decoding');
  const type = { 1: 'unigram', 2: 'bpe' }[training.int(3, 1)] as 'unigram' | 'bpe' | undefined;
  if (!type) fail('it is neither a BPE nor a Unigram model');
  const byteFallback = training.flag(35, false);
  checkPieces(pieces, byteFallback);
  return {
    type,
    pieces,
    normalizer: {
      charsmap: rules.bytes(2),
      addDummyPrefix: rules.flag(3, true),
      removeExtraWhitespaces: rules.flag(4, true),
      escapeWhitespaces: rules.flag(5, true),
      whitespaceIsSuffix: training.flag(24, false),
    },
    byteFallback,
    bosToken: training.text(46, '<s>'),
    eosToken: training.text(47, '</s>'),
  };
}

function checkPieces(pieces: readonly Piece[], byteFallback: boolean): void {
  const types = new Map(pieces.map(({ text, type }) => [text, type]));
  if (types.size < pieces.length) fail('a piece is there twice');
  if (pieces.filter(({ type }) => type === 'unknown').length !== 1) fail('it has not one piece for what is unknown');
  for (let byte = 0; byteFallback && byte < 256; byte++) {
    if (types.get(bytePiece(byte)) !== 'byte') fail(`it falls back to bytes, but lacks ${bytePiece(byte)}`);
  }
}
