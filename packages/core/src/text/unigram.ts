// Cuts a text into the pieces whose scores sum up highest, as SentencePiece's Unigram models want it.
import type { PrefixIndex } from './prefix-index.js';

/** What a cut is made from. */
export interface UnigramScores {
  /** All pieces that may be used. */
  readonly index: PrefixIndex;
  readonly scoreOf: (piece: string) => number;
  /** Of a character without a piece. */
  readonly unknownScore: number;
}

/** The best cut: pieces, and single characters where there is none. Scores are summed in f32, as SentencePiece does. */
export function bestCut(text: string, { index, scoreOf, unknownScore }: UnigramScores): string[] {
  const score = new Float32Array(text.length + 1);
  /** Where the last piece of the best cut up to here begins; -1: no cut ends here. */
  const start = new Int32Array(text.length + 1).fill(-1);
  const offer = (from: number, to: number, candidate: number): void => {
    if (start[to] !== -1 && candidate <= (score[to] ?? 0)) return;
    score[to] = candidate;
    start[to] = from;
  };
  for (let at = 0; at < text.length; ) {
    const soFar = score[at] ?? 0;
    const charEnd = at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
    let hasChar = false;
    for (const piece of index.matches(text, at)) {
      const end = at + piece.length;
      offer(at, end, Math.fround(scoreOf(piece) + soFar));
      hasChar ||= end === charEnd;
    }
    if (!hasChar) offer(at, charEnd, Math.fround(unknownScore + soFar));
    at = charEnd;
  }
  const pieces: string[] = [];
  for (let end = text.length; end > 0; end = start[end] ?? 0) pieces.push(text.slice(start[end], end));
  return pieces.reverse();
}
