// How messages get to the other side and back: one interface, and what browsers and Node offer behind it.
// What the messages say is in protocol.ts.

/** One side of a channel that clones what it carries. */
export interface Endpoint {
  /** Sends a message; what is in `transfer` moves instead of being copied. */
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /**
   * Hears every message from now on.
   * @param onFailure the other side crashed, or sent something that cannot be read
   * @returns a function that stops listening
   */
  listen(onMessage: (message: unknown) => void, onFailure: (cause: unknown) => void): () => void;
}

/** A worker seen from the page, the worker's own scope seen from inside, or either end of a MessageChannel. */
export type MessageTarget = Worker | DedicatedWorkerGlobalScope | MessagePort;

/** The endpoint over a target; an endpoint stays what it is. */
export function toEndpoint(target: Endpoint | MessageTarget): Endpoint {
  if (!('postMessage' in target)) return target;
  return {
    post: (message, transfer = []) => target.postMessage(message, [...transfer]),
    listen: (onMessage, onFailure) => {
      const hear = (event: Event): void => onMessage((event as MessageEvent<unknown>).data);
      const failures = ['error', 'messageerror'];
      target.addEventListener('message', hear);
      for (const type of failures) target.addEventListener(type, onFailure);
      // A port holds its messages back until it is started.
      if ('start' in target) target.start();
      return () => {
        target.removeEventListener('message', hear);
        for (const type of failures) target.removeEventListener(type, onFailure);
      };
    },
  };
}
