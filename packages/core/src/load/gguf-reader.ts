// Walks through the first bytes of a GGUF file, never past what was read or what the file has. What the bytes mean is
// gguf.ts.
import { PagemindError } from '../errors.js';

/** Thrown where more of the file must be read: up to byte `end` at least. */
export class NeedsMoreBytes extends Error {
  readonly end: number;

  constructor(end: number) {
    super('more bytes are needed');
    this.end = end;
  }
}

const MAX_NAME_BYTES = 65_535;

/** Little-endian values one after the other. */
export class GgufReader {
  /** Byte of the next value. */
  at = 0;
  /** Bytes of the file. */
  readonly size: number;
  /** For messages. */
  readonly path: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #lenient = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

  /** `bytes` are the first of a file of `size` bytes. */
  constructor(bytes: Uint8Array, size: number, path: string) {
    this.size = size;
    this.path = path;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** Rounded to a double. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** Rounded to a double. */
  i64(): number {
    return Number(this.#view.getBigInt64(this.#take(8), true));
  }

  /** A number of things, each of which takes a byte at least. */
  count(what: string, max: number): number {
    const count = this.u64();
    if (count > max) this.#fail(`it claims ${count} ${what}, the limit is ${max}`);
    if (count > this.size - this.at) this.#fail(`it claims ${count} ${what}, more than it has bytes`);
    return count;
  }

  /** Text; bytes that are no UTF-8 become U+FFFD. */
  text(): string {
    return this.#lenient.decode(this.#lengthAndBytes(this.size));
  }

  /** The name of a key or tensor. */
  name(what: string): string {
    try {
      return this.#strict.decode(this.#lengthAndBytes(MAX_NAME_BYTES));
    } catch (cause) {
      if (cause instanceof TypeError) this.#fail(`the name of a ${what} is no UTF-8`);
      throw cause;
    }
  }

  #lengthAndBytes(max: number): Uint8Array {
    const length = this.count('bytes of a text', max);
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Moves on by `length` bytes and returns where they start. */
  #take(length: number): number {
    const start = this.at;
    const end = start + length;
    if (end > this.size) this.#fail(`its header ends behind its last byte, ${this.size}`);
    if (end > this.#bytes.length) throw new NeedsMoreBytes(end);
    this.at = end;
    return start;
  }

  #fail(reason: string): never {
    throw new PagemindError('file_malformed', `${this.path} cannot be read: ${reason}.`, {
      hint: 'The file is damaged or not a GGUF file; download it again.',
    });
  }
}
