// A checkpoint behind a URL, read by Range requests that are checked, resumed and retried. Keeping what was downloaded
// is not its business.
import { PagemindError, throwIfAborted } from '../errors.js';
import { blobByteSource } from './blob-source.js';
import { type ByteSource, checkRange, type ModelSource, splitPath } from './source.js';

/** How to reach the server; everything has a default. */
export interface HttpOptions {
  /** Sent with every request, e.g. an `Authorization` for gated models. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further attempts of a request after a network error, a 5xx or a 429; default 5. */
  readonly maxRetries?: number;
  /** Pause before the first further attempt, doubled before each one after; default 500. */
  readonly retryDelayMs?: number;
  /** A connection that brings nothing for so long counts as broken; default 30,000. */
  readonly stallTimeoutMs?: number;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

/** The first request of a file brings this much: all of a small file, or all of most safetensors headers. */
const HEAD_BYTES = 65_536;
const MAX_RETRY_DELAY_MS = 30_000;

/** Files below `baseUrl`, e.g. `/models/my-model`. */
export function httpSource(baseUrl: string, options: HttpOptions = {}, name: string = baseUrl): ModelSource {
  return {
    name,
    async open(path, signal) {
      const parts = splitPath(path);
      if (!parts) return undefined;
      const url = `${baseUrl.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}`;
      return openFile({ url, path, options }, signal);
    },
  };
}

/** Files of a repository on the Hugging Face hub, e.g. `Qwen/Qwen2.5-0.5B-Instruct`. */
export function hubSource(repository: string, revision = 'main', options: HttpOptions = {}): ModelSource {
  return httpSource(
    `https://huggingface.co/${repository}/resolve/${encodeURIComponent(revision)}`,
    options,
    repository,
  );
}

/** A file on a server. */
interface Remote {
  readonly url: string;
  /** For messages. */
  readonly path: string;
  readonly options: HttpOptions;
}

/** Bytes on their way. `filled` survives a broken connection, so that the next attempt goes on from there. */
interface Transfer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

/** One attempt's connection: aborted by the user, by a stall, and when the attempt ends. */
interface Connection {
  readonly signal: AbortSignal;
  /** Something arrived. */
  alive(): void;
}

/** An answer that may be better next time. */
class TransientError extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

function openFile(remote: Remote, signal: AbortSignal | undefined): Promise<ByteSource | undefined> {
  return persist(remote, signal, async (connection) => {
    const response = await send(remote, connection, `bytes=0-${HEAD_BYTES - 1}`);
    if (!response) return undefined;
    // Development servers answer unknown paths with their index page.
    if (response.headers.get('content-type')?.startsWith('text/html')) return undefined;
    // The server knows no Range: the platform keeps the whole body, on disk if it likes, and reads are slices of it.
    if (response.status === 200) return blobByteSource(await wholeBody(response, connection), remote.path);
    const range = contentRange(response);
    if (range && range.first !== 0) throw unreachable(remote, 'does not start where it was asked to');
    const size = response.status === 416 ? 0 : (range?.size ?? (await sizeByHead(remote, connection)));
    const head: Transfer = { bytes: new Uint8Array(Math.min(size, HEAD_BYTES)), filled: 0 };
    await receive(response, 0, head, connection);
    return rangeSource(remote, size, head.bytes);
  });
}

function rangeSource(remote: Remote, size: number, head: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size,
    async read(offset, length, signal) {
      checkRange(remote.path, size, offset, length, signal);
      if (offset + length <= head.length) return head.slice(offset, offset + length);
      const transfer: Transfer = { bytes: new Uint8Array(length), filled: 0 };
      await persist(remote, signal, async (connection) => {
        const first = offset + transfer.filled;
        const response = await send(remote, connection, `bytes=${first}-${offset + length - 1}`);
        const range = response?.status === 206 ? contentRange(response) : undefined;
        if (!response || response.status === 416 || (range && (range.first !== first || range.size !== size))) {
          throw unreachable(remote, 'changed on the server while it was read');
        }
        await receive(response, response.status === 200 ? first : 0, transfer, connection);
      });
      return transfer.bytes;
    },
  };
}

/** Runs attempts until one succeeds; only what may be better next time is tried again. */
async function persist<T>(
  remote: Remote,
  signal: AbortSignal | undefined,
  attempt: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { maxRetries = 5, retryDelayMs = 500, stallTimeoutMs = 30_000 } = remote.options;
  for (let retry = 0; ; retry++) {
    throwIfAborted(signal);
    const controller = new AbortController();
    const stall = (): void => controller.abort(new Error(`nothing arrived for ${stallTimeoutMs} ms`));
    let timer = setTimeout(stall, stallTimeoutMs);
    const connection: Connection = {
      signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
      alive() {
        clearTimeout(timer);
        timer = setTimeout(stall, stallTimeoutMs);
      },
    };
    try {
      return await attempt(connection);
    } catch (cause) {
      throwIfAborted(signal);
      if (cause instanceof PagemindError) throw cause;
      if (retry >= maxRetries) throw unreachable(remote, `could not be downloaded in ${retry + 1} attempts`, cause);
      const wanted = cause instanceof TransientError ? cause.retryAfterMs : 0;
      await pause(Math.min(Math.max(wanted, retryDelayMs * 2 ** retry), MAX_RETRY_DELAY_MS), signal);
    } finally {
      clearTimeout(timer);
      controller.abort(); // frees the connection when the body was not wanted to its end
    }
  }
}

/** Sends a request; gives undefined when there is no such file, and a response of status 200, 206 or 416 else. */
async function send(
  remote: Remote,
  { signal, alive }: Connection,
  range: string | undefined,
): Promise<Response | undefined> {
  const { fetch: fetchIt = fetch, headers } = remote.options;
  const response = await fetchIt(remote.url, {
    method: range ? 'GET' : 'HEAD',
    headers: range ? { ...headers, Range: range } : { ...headers },
    signal,
  });
  alive();
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) return response;
  if (status === 404 || status === 410) return undefined;
  if (status === 408 || status === 429 || status >= 500) {
    throw new TransientError(
      `the server answered ${status}`,
      Number(response.headers.get('retry-after') ?? 0) * 1000 || 0,
    );
  }
  throw unreachable(remote, `was refused by the server with status ${status}`);
}

/** Takes the body, without its first `skip` bytes, until the transfer is full. */
async function receive(response: Response, skip: number, transfer: Transfer, connection: Connection): Promise<void> {
  const reader = response.body?.getReader();
  let numToSkip = skip;
  while (transfer.filled < transfer.bytes.length) {
    const next = await reader?.read();
    if (!next || next.done) throw new Error('the answer ended early');
    connection.alive();
    const part = next.value.subarray(numToSkip, numToSkip + transfer.bytes.length - transfer.filled);
    numToSkip = Math.max(0, numToSkip - next.value.length);
    transfer.bytes.set(part, transfer.filled);
    transfer.filled += part.length;
  }
}

function wholeBody(response: Response, connection: Connection): Promise<Blob> {
  const watched = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        connection.alive();
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(watched ?? null).blob();
}

/** What `Content-Range` says, where the server sends it and lets pages of other origins see it. */
function contentRange(response: Response): { readonly first: number; readonly size: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  return match ? { first: Number(match[1]), size: Number(match[2]) } : undefined;
}

async function sizeByHead(remote: Remote, connection: Connection): Promise<number> {
  const length = (await send(remote, connection, undefined))?.headers.get('content-length');
  if (!length) throw unreachable(remote, 'has a size that the server does not tell');
  return Number(length);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}

function unreachable({ path, url }: Remote, what: string, cause?: unknown): PagemindError {
  return new PagemindError('source_unreachable', `${path} ${what}: ${url}`, {
    hint: 'Check the address and the connection; gated models need an Authorization header, other origins need CORS.',
    cause,
  });
}
