// The caller's side of a channel: calls under way, each with its events, its end and its cancellation.
// Knows the protocol, not what the methods mean.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { Endpoint } from './endpoints.js';
import {
  type Args,
  type EventOf,
  fromErrorData,
  type Method,
  type Result,
  readToClient,
  seal,
  type ToHost,
} from './protocol.js';

/** How to follow a call, and leave it. */
export interface CallHooks<M extends Method> {
  readonly onEvent?: ((event: EventOf<M>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What of the arguments moves instead of being copied. */
  readonly transfer?: readonly Transferable[];
}

interface Call {
  readonly onEvent: (event: unknown) => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PagemindError) => void;
}

export class Connection {
  readonly #endpoint: Endpoint;
  readonly #calls = new Map<number, Call>();
  readonly #stopListening: () => void;
  #numCalls = 0;
  /** Why nothing can be called any more. */
  #closed: PagemindError | undefined;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#stopListening = endpoint.listen(
      (data) => this.#receive(data),
      (cause) => this.close(crash(cause)),
    );
  }

  /**
   * Calls a method of the host.
   * @throws PagemindError of the host; `aborted`; `invalid_request` for arguments that cannot be sent; `internal` when
   * the host crashes; or what the connection was closed with.
   */
  async call<M extends Method>(
    method: M,
    args: Args<M>,
    { onEvent, signal, transfer = [] }: CallHooks<M> = {},
  ): Promise<Result<M>> {
    if (this.#closed) throw this.#closed;
    throwIfAborted(signal);
    const id = this.#numCalls++;
    const result = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { onEvent: (event) => onEvent?.(event as EventOf<M>), resolve, reject });
    });
    const abort = (): void => {
      this.#take(id)?.reject(new PagemindError('aborted', 'The request was aborted.', { cause: signal?.reason }));
      this.#post({ kind: 'cancel', id });
    };
    signal?.addEventListener('abort', abort);
    try {
      this.#post({ kind: 'call', id, method, args }, transfer);
      return (await result) as Result<M>;
    } finally {
      this.#calls.delete(id);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends all calls with `error`, and refuses later ones with it. */
  close(error: PagemindError): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#stopListening();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  #post(message: ToHost, transfer: readonly Transferable[] = []): void {
    try {
      this.#endpoint.post(seal(message), transfer);
    } catch (cause) {
      throw new PagemindError('invalid_request', 'The arguments cannot be sent to another thread.', {
        hint: 'Give plain data: no functions, and no objects of your own classes.',
        cause,
      });
    }
  }

  #receive(data: unknown): void {
    const message = readToClient(data);
    if (!message) return;
    if (message.kind === 'event') this.#calls.get(message.id)?.onEvent(message.event);
    else if (message.kind === 'result') this.#take(message.id)?.resolve(message.result);
    else this.#take(message.id)?.reject(fromErrorData(message.error));
  }

  /** A call hears nothing more once it has ended. */
  #take(id: number): Call | undefined {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }
}

function crash(cause: unknown): PagemindError {
  const { message } = cause as { readonly message?: unknown };
  const why = typeof message === 'string' && message !== '' ? `: ${message}` : '.';
  return new PagemindError('internal', `The thread of the engine crashed${why}`, {
    hint: 'Check that its script loads, and start another one.',
    cause,
  });
}
