// Who guesses which tokens come next, so that the model can check several in one step. No books and no scheduling here: a
// proposer knows ids alone, so a draft model may stand in its place.

/** Guesses how a sequence goes on. A wrong guess costs time and changes no token. */
export interface Proposer {
  /** Ids that may follow `ids`, `max` at most; none where it has no idea. */
  propose(ids: readonly number[], max: number): readonly number[];
}

/**
 * Takes what followed the last ids the last time, as code, quotes and corrections repeat what stands before them. Of all
 * places where as many ids as possible are the same, `maxNgram` of them at most, the latest counts.
 */
export function ngramProposer(maxNgram: number): Proposer {
  return {
    propose(ids, max) {
      let longest = 0;
      let from = 0;
      for (let end = ids.length - 1; end > 0 && longest < maxNgram; end--) {
        const length = numEqualBefore(ids, end, maxNgram);
        if (length > longest) [longest, from] = [length, end];
      }
      if (longest === 0) return [];
      const copy: number[] = [];
      // A copy that reaches the end of the text goes on with itself, so that what repeats is found to repeat on.
      while (copy.length < max) copy.push(ids[from + copy.length] ?? (copy[from + copy.length - ids.length] as number));
      return copy;
    },
  };
}

/** Ids before `end` that are those at the end of the text, `most` at most. */
function numEqualBefore(ids: readonly number[], end: number, most: number): number {
  let length = 0;
  while (length < Math.min(most, end) && ids[end - 1 - length] === ids[ids.length - 1 - length]) length++;
  return length;
}
