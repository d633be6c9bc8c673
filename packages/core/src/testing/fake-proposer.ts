// A proposer that knows the toy model and errs on purpose, as often as a test says.
import type { Proposer } from '../engine/proposer.js';
import { answerOf } from './fake-runner.js';

/**
 * Proposes what the toy model will say, but now and then another token, or fewer.
 * @param errors of 8 tokens, about so many are wrong
 * @param window tokens that the toy model sees
 */
export function fakeProposer(errors: number, window?: number): Proposer {
  return {
    propose(ids, max) {
      const numKnown = (ids.length * 7) % 5 < errors / 2 ? Math.floor(max / 2) : max;
      return answerOf(ids, numKnown, undefined, window).map((id, i) =>
        ((ids.length + i) * 5 + 3) % 8 < errors ? (id + 1) % 97 : id,
      );
    },
  };
}
