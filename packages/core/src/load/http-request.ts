// One request to a server that may fail: what may be better next time, how long to wait for it, when a connection counts as
// dead. What is asked for, and what becomes of the answer, is the business of http-source.ts and of the hub.
import { PagemindError, throwIfAborted } from '../errors.js';

/** How to reach the server; everything has a default. */
export interface HttpOptions {
  /** Sent with every request, e.g. an `Authorization` for gated models. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further attempts of a request after a network error, a 5xx or a 429; default 5. */
  readonly maxRetries?: number;
  /** Pause before the first further attempt, doubled before each one after, less a random part; default 500. */
  readonly retryDelayMs?: number;
  /** A connection that brings nothing for so long counts as broken; default 30,000. */
  readonly stallTimeoutMs?: number;
  /** What the browser's own cache of requests does; what is kept elsewhere needs no second copy there. */
  readonly cache?: RequestCache;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Waits before a further attempt, until then or until the signal fires. Default: a timer. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** From 0 to 1; keeps clients that failed together from coming back together. Default: `Math.random`. */
  readonly random?: () => number;
}

/** A file on a server. */
export interface Remote {
  readonly url: string;
  /** For messages. */
  readonly path: string;
  readonly options: HttpOptions;
}

/** One attempt's connection: aborted by the user, by a stall, and when the attempt ends. */
export interface Connection {
  readonly signal: AbortSignal;
  /** Something arrived. */
  alive(): void;
  /** Frees the connection, also when the body was not wanted to its end. */
  close(): void;
}

/** What a request asks for. */
export interface RequestDetails {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
}

const MAX_RETRY_DELAY_MS = 30_000;
/** A server that wants to be left alone for longer than this is not worth waiting for. */
const MAX_RETRY_AFTER_MS = 300_000;

/** An answer that may be better next time. */
class TransientError extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Counts attempts that came to nothing, and waits between them. */
export class Backoff {
  readonly #remote: Remote;
  #numFailures = 0;

  constructor(remote: Remote) {
    this.#remote = remote;
  }

  /** Something was brought: what failed before counts no more. */
  reset(): void {
    this.#numFailures = 0;
  }

  /**
   * Waits until another attempt makes sense.
   * @throws `cause` when it is a PagemindError; `source_unreachable` after too many attempts; `aborted`.
   */
  async wait(cause: unknown, signal: AbortSignal | undefined): Promise<void> {
    const { maxRetries = 5, retryDelayMs = 500, sleep = pause, random = Math.random } = this.#remote.options;
    throwIfAborted(signal);
    if (cause instanceof PagemindError) throw cause;
    if (this.#numFailures >= maxRetries) {
      throw unreachable(this.#remote, `could not be downloaded in ${this.#numFailures + 1} attempts`, cause);
    }
    const wanted = cause instanceof TransientError ? Math.min(cause.retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
    const delay = Math.min(retryDelayMs * 2 ** this.#numFailures++, MAX_RETRY_DELAY_MS);
    await sleep(Math.max(wanted, delay * (1 - random() / 2)), signal);
    throwIfAborted(signal);
  }
}

/** Runs attempts until one succeeds; only what may be better next time is tried again. */
export async function persist<T>(
  remote: Remote,
  signal: AbortSignal | undefined,
  attempt: (connection: Connection) => Promise<T>,
): Promise<T> {
  const backoff = new Backoff(remote);
  for (;;) {
    throwIfAborted(signal);
    const connection = connect(remote, signal);
    let failure: unknown;
    try {
      return await attempt(connection);
    } catch (cause) {
      failure = cause;
    } finally {
      connection.close();
    }
    await backoff.wait(failure, signal);
  }
}

/** A connection for one attempt. */
export function connect({ options }: Remote, signal: AbortSignal | undefined): Connection {
  const { stallTimeoutMs = 30_000 } = options;
  const controller = new AbortController();
  const stall = (): void => controller.abort(new Error(`nothing arrived for ${stallTimeoutMs} ms`));
  let timer = setTimeout(stall, stallTimeoutMs);
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    alive() {
      clearTimeout(timer);
      timer = setTimeout(stall, stallTimeoutMs);
    },
    close() {
      clearTimeout(timer);
      controller.abort();
    },
  };
}

/** Sends a request; gives undefined when there is no such file, and a response of status 200, 206 or 416 else. */
export async function send(
  remote: Remote,
  { signal, alive }: Connection,
  { method = 'GET', headers = {} }: RequestDetails = {},
): Promise<Response | undefined> {
  const { fetch: fetchIt = fetch, headers: always, cache } = remote.options;
  const request: RequestInit = { method, headers: { ...always, ...headers }, signal, ...(cache && { cache }) };
  const response = await fetchIt(remote.url, request);
  alive();
  const { status } = response;
  if (status === 200 || status === 206 || status === 416) return response;
  if (status === 404 || status === 410) return undefined;
  if (status === 408 || status === 429 || status >= 500) {
    throw new TransientError(`the server answered ${status}`, retryAfterMs(response.headers.get('retry-after')));
  }
  throw unreachable(remote, `was refused by the server with status ${status}`);
}

/** What `Content-Range` says, where the server sends it and lets pages of other origins see it. */
export function contentRange(response: Response): { readonly first: number; readonly size: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  return match ? { first: Number(match[1]), size: Number(match[2]) } : undefined;
}

/** The error for a file that the server does not give. */
export function unreachable({ path, url }: Remote, what: string, cause?: unknown): PagemindError {
  return new PagemindError('source_unreachable', `${path} ${what}: ${url}`, {
    hint: 'Check the address and the connection; gated models need a token (an Authorization header), other origins need CORS.',
    cause,
  });
}

/** Seconds, or a date. */
function retryAfterMs(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Math.max(ms || 0, 0);
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
