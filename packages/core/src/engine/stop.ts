// Finds stop strings in text that arrives in pieces. Text that may be the start of one is held back, so that what comes
// out never contains a stop string. Token ids that stop are not looked at here.

export interface StopResult {
  /** Text that is certain. */
  readonly text: string;
  /** A stop string was met; what follows it is dropped. */
  readonly isStopped: boolean;
}

/** However the text is cut into pieces, the same text comes out: the stop string that is complete first wins. */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  push(piece: string): StopResult {
    const text = this.#held + piece;
    const start = this.#findFirst(text);
    if (start !== undefined) {
      this.#held = '';
      return { text: text.slice(0, start), isStopped: true };
    }
    const numHeld = Math.max(0, ...this.#stops.map((stop) => longestOverlap(text, stop)));
    this.#held = text.slice(text.length - numHeld);
    return { text: text.slice(0, text.length - numHeld), isStopped: false };
  }

  /** The text ends: what was held back is no stop string. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** Where the match starts that ends first; of those that end together, the longest. */
  #findFirst(text: string): number | undefined {
    let first: { readonly start: number; readonly end: number } | undefined;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      const end = start + stop.length;
      if (start < 0 || (first && (end > first.end || (end === first.end && start > first.start)))) continue;
      first = { start, end };
    }
    return first?.start;
  }
}

/** Length of the longest end of `text` that starts `stop` and is shorter than it. */
function longestOverlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (stop.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
