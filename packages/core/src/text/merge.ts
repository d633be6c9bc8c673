// Byte pair encoding as SentencePiece and tiktoken have it: two neighbours may join when what they make is in the
// vocabulary, the best first. Which texts are merged at all, and what has no id afterwards, is said elsewhere.

/**
 * How good the token is that two neighbours make: more is better. Undefined: it is no token.
 * @param joined `left` and `right` in one
 */
export type ScoreOf = (joined: string, left: string, right: string) => number | undefined;

/** Two neighbours that may join. */
interface Pair {
  readonly score: number;
  /** Indices of the two symbols. */
  readonly left: number;
  readonly right: number;
  /** What they were when the pair was found; a symbol that has changed makes the pair void. */
  readonly joined: string;
}

/** The best score comes first, the leftmost of equals. */
function isBefore(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}

/** A binary heap of pairs. */
class PairQueue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    const heap = this.#heap;
    let at = heap.push(pair) - 1;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above] as Pair;
      if (!isBefore(pair, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = pair;
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    const best = heap[0];
    const last = heap.pop();
    if (best === undefined || last === undefined || heap.length === 0) return best;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Pair, heap[below] as Pair)) below++;
      const child = heap[below] as Pair;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return best;
  }
}

/** Joins neighbours until none may join any more. Takes n log n steps, whatever the symbols are. */
export function mergePairs(symbols: readonly string[], scoreOf: ScoreOf): string[] {
  // A symbol that joined its left neighbour becomes ''.
  const current = [...symbols];
  const previous = current.map((_, index) => index - 1);
  const next = current.map((_, index) => index + 1);
  const queue = new PairQueue();
  const offer = (left: number, right: number): void => {
    const [a, b] = [current[left], current[right]];
    if (a === undefined || b === undefined) return;
    const joined = a + b;
    const score = scoreOf(joined, a, b);
    if (score !== undefined) queue.push({ score, left, right, joined });
  };
  for (let right = 1; right < current.length; right++) offer(right - 1, right);
  for (let pair = queue.pop(); pair; pair = queue.pop()) {
    const { left, right, joined } = pair;
    const [a = '', b = ''] = [current[left], current[right]];
    if (a === '' || b === '' || a.length + b.length !== joined.length) continue;
    current[left] = joined;
    current[right] = '';
    const after = next[right] ?? current.length;
    next[left] = after;
    previous[after] = left;
    offer(previous[left] ?? -1, left);
    offer(left, after);
  }
  return current.filter((symbol) => symbol !== '');
}
