// A file in the cache: its pieces, which of them are there, reading across them, and whether they are together what the hub
// promised. A piece is written as a whole or not at all, so what is stored is also the map of what was downloaded.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { HeldBytes } from '../load/read-ahead.js';
import { checkRange } from '../load/source.js';
import type { Folder } from '../store/folder.js';
import type { HubFile } from './hub-api.js';
import type { ModelStorage } from './storage.js';

/** What the cache knows about a file of a model. */
export interface FileRecord {
  readonly path: string;
  readonly size: number;
  /** Names the content, so that versions of a model share what they have in common. */
  readonly key: string;
}

/** A range of a file that is downloaded and stored as one. */
export interface Piece {
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** In the file's folder. Has both ends, as versions of this library may cut differently. */
  readonly name: string;
}

/** How files are cut. */
export interface PieceSizes {
  /** Of the first piece of a large file: headers are read before anybody knows whether the rest is wanted. */
  readonly headBytes: number;
  /** Of the others; what a broken off download may lose. */
  readonly pieceBytes: number;
}

/** Part of what is stored: where other sizes were used, files are downloaded again. */
export const PIECE_SIZES: PieceSizes = { headBytes: 2 ** 20, pieceBytes: 16 * 2 ** 20 };

/** Read at once for hashing. */
const HASH_BYTES = 4 * 2 ** 20;
/** Git's hash wants a file whole; what is larger than this and not in LFS is taken as it comes. */
const MAX_GIT_BYTES = 128 * 2 ** 20;

/** The pieces of a file. A file no larger than a piece is one. */
export function piecesOf(size: number, { headBytes, pieceBytes }: PieceSizes = PIECE_SIZES): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start < size; ) {
    const end = Math.min(size, size > pieceBytes && start === 0 ? headBytes : start + pieceBytes);
    pieces.push({ index: pieces.length, start, end, name: `${start}-${end}` });
    start = end;
  }
  return pieces;
}

/** The name of a file's content: its hash, or where the hub has none, where it comes from. */
export async function keyOf({ hash, url, size }: HubFile): Promise<string> {
  if (hash && (hash.algorithm !== 'git' || size <= MAX_GIT_BYTES)) return `${hash.algorithm}-${hash.value}`;
  const address = new TextEncoder().encode(`${url} ${size}`);
  return `none-${hexadecimal(await crypto.subtle.digest('SHA-256', address))}`;
}

/** Whether a key is one of {@link keyOf}: it is read from files, and becomes the name of a folder. */
export function isKey(key: unknown): key is string {
  return typeof key === 'string' && /^(sha256|git|none)-[0-9a-f]{40,64}$/.test(key);
}

/** A piece that was there is not, or not all of it: somebody deleted it, or a disk was full. Nothing is left of it now. */
export class PieceGoneError extends PagemindError {
  constructor(path: string) {
    super('source_unreachable', `A part of ${path} is gone from the cache.`, {
      hint: 'It was deleted meanwhile; load the model again.',
    });
  }
}

export class CachedFile {
  readonly record: FileRecord;
  readonly pieces: readonly Piece[];
  readonly folder: Folder;
  /** Indices of the pieces that are stored. */
  readonly stored: Set<number> = new Set();
  readonly #storage: ModelStorage;
  readonly #held: HeldBytes;

  constructor(storage: ModelStorage, record: FileRecord, sizes: PieceSizes, held: HeldBytes) {
    this.record = record;
    this.pieces = piecesOf(record.size, sizes);
    this.folder = storage.pieces(record.key);
    this.#storage = storage;
    this.#held = held;
  }

  /** Finds out what is stored. */
  async look(): Promise<void> {
    const names = new Set(await this.folder.list());
    this.stored.clear();
    for (const { name, index } of this.pieces) if (names.has(name)) this.stored.add(index);
  }

  get isStored(): boolean {
    return this.stored.size === this.pieces.length;
  }

  /** Bytes of the pieces that are stored. */
  get storedBytes(): number {
    let bytes = 0;
    for (const { index, start, end } of this.pieces) if (this.stored.has(index)) bytes += end - start;
    return bytes;
  }

  /** The pieces that hold a range. */
  piecesIn(offset: number, length: number): readonly Piece[] {
    return this.pieces.filter(({ start, end }) => start < offset + length && end > offset);
  }

  /**
   * Reads a range whose pieces are stored.
   * @throws PagemindError `file_malformed` for a range that is not in the file; `source_unreachable`, `aborted`.
   */
  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this.record.path, this.record.size, offset, length, signal);
    const parts = this.piecesIn(offset, length);
    const [only] = parts;
    if (parts.length === 1 && only) return this.#readFrom(only, offset, length, signal);
    const bytes = new Uint8Array(length);
    for (const piece of parts) {
      for (let at = Math.max(offset, piece.start); at < Math.min(offset + length, piece.end); ) {
        const part = Math.min(HASH_BYTES, offset + length - at, piece.end - at);
        bytes.set(await this.#readFrom(piece, at, part, signal), at - offset);
        at += part;
      }
    }
    return bytes;
  }

  async #readFrom(
    { start, end, name, index }: Piece,
    offset: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const source = await this.folder.open(name);
    throwIfAborted(signal);
    if (source?.size === end - start) return source.read(offset - start, length, signal);
    this.stored.delete(index);
    await this.folder.delete(name);
    throw new PieceGoneError(this.record.path);
  }

  /** Whether the bytes are what the hub promised; of a file without a hash, any are. All of it must be stored. */
  async isIntact(signal?: AbortSignal, afterPiece: (piece: Piece) => Promise<void> = async () => {}): Promise<boolean> {
    const [algorithm, value] = this.record.key.split('-');
    if (algorithm === 'git') {
      await this.#waitForAll(afterPiece);
      return (await gitHash(await this.read(0, this.record.size, signal))) === value;
    }
    const hash = algorithm === 'sha256' ? this.#storage.createSha256() : undefined;
    for (const piece of this.pieces) {
      await afterPiece(piece);
      for (let at = piece.start; hash && at < piece.end; at += HASH_BYTES) {
        const length = Math.min(HASH_BYTES, piece.end - at);
        this.#hold(length);
        hash.update(await this.read(at, length, signal));
        this.#hold(-length);
      }
    }
    return hash === undefined || hash.digest() === value;
  }

  async #waitForAll(afterPiece: (piece: Piece) => Promise<void>): Promise<void> {
    for (const piece of this.pieces) await afterPiece(piece);
  }

  /** Writes the whole file; pieces that are there stay. */
  async fill(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (const { index, name, start, end } of this.pieces) {
      if (this.stored.has(index)) continue;
      await this.folder.write(name, onlyChunk(bytes.subarray(start, end)));
      this.stored.add(index);
    }
  }

  #hold(bytes: number): void {
    this.#held.now += bytes;
    this.#held.peak = Math.max(this.#held.peak, this.#held.now);
  }

  /** Forgets pieces that cannot be trusted. */
  async discard(indices: Iterable<number> = this.pieces.keys()): Promise<void> {
    for (const index of indices) {
      const piece = this.pieces[index];
      if (!piece || !this.stored.delete(index)) continue;
      await this.folder.delete(piece.name);
    }
  }
}

async function* onlyChunk(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield bytes;
}

/** SHA-1 of a file as git stores it. Only small files have one: hubs keep the others in LFS. */
async function gitHash(content: Uint8Array<ArrayBuffer>): Promise<string> {
  const head = new TextEncoder().encode(`blob ${content.length}\0`);
  const blob = new Uint8Array(head.length + content.length);
  blob.set(head);
  blob.set(content, head.length);
  return hexadecimal(await crypto.subtle.digest('SHA-1', blob));
}

function hexadecimal(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
