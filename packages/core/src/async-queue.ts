// A stream whose producer never waits: items go in at once and come out in order through async iteration.
// Knows nothing of what it carries; the engine, the API classes and the client of a worker hand these out.

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One producer (`push`, then `end` or `fail`), one consumer (`for await`). */
export class AsyncQueue<T extends object> implements AsyncIterableIterator<T, undefined> {
  readonly #onReturn: () => void;
  readonly #items: T[] = [];
  readonly #readers: Reader<T>[] = [];
  #isEnded = false;
  /** Thrown once, after the last item. */
  #failure: { readonly error: unknown } | undefined;

  /** @param onReturn called when the consumer leaves before the end */
  constructor(onReturn: () => void = () => {}) {
    this.#onReturn = onReturn;
  }

  /** Hands an item to the consumer; ignored after the end. */
  push(item: T): void {
    if (this.#isEnded) return;
    const reader = this.#readers.shift();
    if (reader) reader.resolve({ done: false, value: item });
    else this.#items.push(item);
  }

  /** The stream ends after what was pushed. */
  end(): void {
    this.#isEnded = true;
    for (const reader of this.#readers.splice(0)) reader.resolve(DONE);
  }

  /** The stream throws `error` after what was pushed. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    const reader = this.#readers.shift();
    if (reader) reader.reject(error);
    else this.#failure = { error };
    this.end();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item) return Promise.resolve({ done: false, value: item });
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#isEnded) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** The consumer leaves: what was pushed is dropped. */
  return(): Promise<IteratorResult<T, undefined>> {
    const isEarly = !this.#isEnded;
    this.#items.length = 0;
    this.#failure = undefined;
    this.end();
    if (isEarly) this.#onReturn();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
