// How fast bytes come, lately, and how long the rest will take. Showing it is the business of others.

/** What a meter says; nothing until it has seen enough. */
export interface Pace {
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
}

/** Time that a rate is taken over: long enough to be read, short enough to follow a network. */
const WINDOW_MS = 5000;
/** Less than this says nothing. */
const MIN_MS = 500;

export class RateMeter {
  readonly #now: () => number;
  /** Times and bytes until then, within the window. */
  readonly #seen: (readonly [time: number, bytes: number])[] = [];

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** @param bytes all that came until now; those of an earlier attempt make the first call's */
  pace(bytes: number, totalBytes: number): Pace {
    const now = this.#now();
    this.#seen.push([now, bytes]);
    while ((this.#seen[1]?.[0] ?? now) < now - WINDOW_MS) this.#seen.shift();
    const [since, before] = this.#seen[0] ?? [now, bytes];
    if (now - since < MIN_MS || bytes <= before) return {};
    const bytesPerSecond = ((bytes - before) * 1000) / (now - since);
    return { bytesPerSecond, secondsLeft: Math.max(0, totalBytes - bytes) / bytesPerSecond };
  }
}
