// A bound on the arrays that code under test makes, for parsers of untrusted files: a number of the file must not become memory
// that the file does not pay for.

/** Constructors that take a length. */
const MAKERS = [
  'ArrayBuffer',
  'Uint8Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Array',
] as const;

/** Arrays of more elements than `max` are an error from {@link install} to {@link restore}. */
export class ArrayLimit {
  max: number = Number.POSITIVE_INFINITY;
  readonly #originals = MAKERS.map((name) => [name, globalThis[name]] as const);

  install(): void {
    const check = (length: unknown): void => {
      if (typeof length === 'number' && length > this.max)
        throw new Error(`an array of ${length}, at most ${this.max}`);
    };
    for (const [name, original] of this.#originals) {
      const from = (
        items: ArrayLike<unknown>,
        map: (item: unknown, i: number) => unknown = (item) => item,
      ): unknown => {
        check(items.length);
        return (original as typeof Array).from(items, map);
      };
      const watched = new Proxy(original, {
        construct(target, args: unknown[], newTarget) {
          check(args[0]);
          return Reflect.construct(target, args, newTarget) as object;
        },
        get: (target, key) => (key === 'from' && 'from' in target ? from : Reflect.get(target, key)),
      });
      Object.assign(globalThis, { [name]: watched });
    }
  }

  restore(): void {
    Object.assign(globalThis, Object.fromEntries(this.#originals));
  }
}
