// Bytes of one file from a server, by whatever number of connections it takes: broken ones are followed by others, from
// where they ended. Servers that ignore Range are read from the start. Where the bytes go is the business of downloads.ts.
import { PagemindError } from '../errors.js';
import {
  Backoff,
  type Connection,
  connect,
  contentRange,
  type Remote,
  send,
  unreachable,
} from '../load/http-request.js';
import type { HeldBytes } from '../load/read-ahead.js';

/** What is known of the file's version on the server; shared by all readers of a file. */
export interface Validator {
  etag: string | undefined;
}

/** The file became another one while it was read. */
export class ChangedError extends PagemindError {
  constructor({ path, url }: Remote) {
    super('source_unreachable', `${path} changed on the server while it was read: ${url}`);
  }
}

/** What a reader is told. */
export interface RangeReaderOptions {
  readonly remote: Remote;
  /** Bytes that the file must have. */
  readonly size: number;
  /** Given for files without a hash: bytes of two versions must not meet. */
  readonly validator: Validator | undefined;
  readonly held: HeldBytes;
  readonly signal: AbortSignal;
  /** The server answered, or bytes came. */
  readonly onEvent: () => void;
}

/** Bytes that are handed on together: storage is slow at small ones. */
const BLOCK_BYTES = 2 ** 20;
/** A connection that brought this much was worth its while. */
const WORTHWHILE_BYTES = 64 * 1024;

export class RangeReader {
  /** How the server answered last: with the range, or with all of the file. */
  mode: 'unknown' | 'range' | 'whole' = 'unknown';
  /** Bytes of the present read that have come. */
  receivedBytes = 0;
  readonly #options: RangeReaderOptions;
  #connection: Connection | undefined;
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** Came from the body and was not used yet; its place in the file. */
  #rest = new Uint8Array(0);
  #restAt = 0;

  constructor(options: RangeReaderOptions) {
    this.#options = options;
  }

  /**
   * The bytes of a range, in blocks; a body that goes on behind an earlier range is used further.
   * @throws PagemindError `source_unreachable`, `aborted`; {@link ChangedError}.
   */
  async *read(first: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const { remote, signal, held, onEvent } = this.#options;
    const backoff = new Backoff(remote);
    if (this.#restAt > first) this.close();
    let numSinceFailure = 0;
    this.receivedBytes = 0;
    try {
      for (let at = first; at < end; ) {
        const block = new Uint8Array(Math.min(BLOCK_BYTES, end - at));
        held.now += block.length;
        held.peak = Math.max(held.peak, held.now);
        try {
          for (let filled = 0; filled < block.length; ) {
            try {
              const part = await this.#next(at + filled, end);
              const taken = part.subarray(0, block.length - filled);
              block.set(taken, filled);
              this.#giveBack(part.subarray(taken.length));
              filled += taken.length;
              this.receivedBytes += taken.length;
              numSinceFailure += taken.length;
              onEvent();
            } catch (cause) {
              this.close();
              if (numSinceFailure >= WORTHWHILE_BYTES) backoff.reset();
              numSinceFailure = 0;
              await backoff.wait(cause, signal);
            }
          }
          yield block;
        } finally {
          held.now -= block.length;
        }
        at += block.length;
      }
    } finally {
      if (this.mode !== 'whole') this.close();
    }
  }

  /** Leaves the connection, if there is one. */
  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#body = undefined;
    this.#rest = new Uint8Array(0);
    this.#restAt = 0;
  }

  /** Some bytes at a place of the file, from the present connection or a new one. */
  async #next(at: number, end: number): Promise<Uint8Array> {
    if (!this.#body) await this.#open(at, end);
    for (;;) {
      const skipped = Math.min(at - this.#restAt, this.#rest.length);
      this.#restAt += skipped;
      this.#rest = this.#rest.subarray(skipped);
      if (this.#rest.length > 0) {
        const part = this.#rest;
        this.#rest = new Uint8Array(0);
        this.#restAt += part.length;
        return part;
      }
      const next = await this.#body?.read();
      if (!next || next.done) throw new Error('the answer ended early');
      this.#connection?.alive();
      this.#rest = next.value as Uint8Array<ArrayBuffer>;
    }
  }

  #giveBack(part: Uint8Array): void {
    this.#rest = part as Uint8Array<ArrayBuffer>;
    this.#restAt -= part.length;
  }

  async #open(at: number, end: number): Promise<void> {
    const { remote, size, validator, signal, onEvent } = this.#options;
    const connection = connect(remote, signal);
    this.#connection = connection;
    const { etag } = validator ?? {};
    // Weak ones say that the content is as good, not that its bytes are the same.
    const isStrong = etag?.startsWith('"');
    const headers = { Range: `bytes=${at}-${end - 1}`, ...(isStrong && etag !== undefined && { 'If-Range': etag }) };
    const response = await send(remote, connection, { headers });
    if (!response) throw unreachable(remote, 'is in the list of files but not there');
    if (response.status === 416) throw new Error(`there are no bytes from ${at} on`);
    // A network that wants to be logged into, or a server that shows its front page.
    if (response.headers.get('content-type')?.startsWith('text/html')) throw new Error('the answer is a web page');
    const range = contentRange(response);
    if (response.status === 206 && range && (range.first !== at || range.size !== size)) {
      throw new Error(`the answer is byte ${range.first} of ${range.size}, not byte ${at} of ${size}`);
    }
    if (validator) {
      const now = response.headers.get('etag') ?? undefined;
      if (etag !== undefined && now !== etag) throw new ChangedError(remote);
      validator.etag = now;
    }
    this.mode = response.status === 206 ? 'range' : 'whole';
    this.#restAt = this.mode === 'range' ? at : 0;
    this.#body = response.body?.getReader();
    onEvent();
  }
}
