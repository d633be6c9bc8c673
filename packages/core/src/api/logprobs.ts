// Log probabilities in OpenAI's shapes. Which tokens are part of an answer's text is decided here too: neither the id that
// ends it nor what a stop string cut off.
import type { GeneratedLogprob, GenerateEvent, TokenLogprob } from '../engine/core.js';
import type { ChatLogprobs, ChatTokenLogprob, CompletionLogprobs } from './types.js';

/** Gives the tokens of an answer as their text comes out, so that pieces of text and their tokens go together. */
export class ContentTokens {
  #held: GeneratedLogprob[] = [];
  #numChars = 0;

  /** Tokens whose text has begun by now. */
  push(event: GenerateEvent): readonly GeneratedLogprob[] {
    if (event.type === 'delta') {
      this.#held.push(...(event.logprobs ?? []));
      this.#numChars += event.text.length;
      const firstHeld = this.#held.findIndex(({ offset }) => offset >= this.#numChars);
      return this.#held.splice(0, firstHeld < 0 ? this.#held.length : firstHeld);
    }
    // What is left has no text: special tokens, or what is not part of the answer.
    if (event.stoppedBy === 'string') return [];
    return event.stoppedBy === 'token' ? this.#held.slice(0, -1) : this.#held;
  }
}

/** The shape of chat completions. */
export function toChatLogprobs(tokens: readonly GeneratedLogprob[]): ChatLogprobs {
  const content = tokens.map((token) => ({ ...toChatToken(token), top_logprobs: token.top.map(toChatToken) }));
  return { content, refusal: null };
}

function toChatToken({ token, logprob, bytes }: TokenLogprob): ChatTokenLogprob {
  return { token, logprob, bytes };
}

/** The shape of text completions. */
export function toCompletionLogprobs(tokens: readonly GeneratedLogprob[]): CompletionLogprobs {
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(toTopTokens),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

/** By text; of tokens that read alike (parts of characters do) the most probable one counts. */
function toTopTokens(drawn: GeneratedLogprob): Readonly<Record<string, number>> {
  const all = [...drawn.top, drawn].sort((a, b) => a.logprob - b.logprob);
  return Object.fromEntries(all.map(({ token, logprob }) => [token, logprob]));
}
