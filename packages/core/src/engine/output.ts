// What becomes of a sequence's results. Sampled ids turn into text and events, and end where a stop id, a stop string or
// the length says so; the logits of forced tokens are collected. No scheduling here.
import type { DrawnLogprobs, Logprob } from '@pagemind/kernels-wgsl';
import type { AsyncQueue } from '../async-queue.js';
import { invariant, PagemindError } from '../errors.js';
import { createDetokenizer, type Detokenizer } from '../text/detokenizer.js';
import { tokenText } from '../text/token-text.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type {
  FinishReason,
  GeneratedLogprob,
  GenerateEvent,
  GenerateRequest,
  RequestStats,
  TokenLogprob,
  Usage,
} from './core.js';
import { requireText, type TextTools } from './prompt.js';
import type { Request } from './request.js';
import type { Arrival } from './scheduler.js';
import type { Sequence } from './sequence.js';
import { StopMatcher } from './stop.js';

/** Takes what the steps of one sequence bring. */
export interface SequenceOutput {
  /** A step that holds the sequence was submitted; only the first counts. */
  start(now: number): void;
  /** True when the sequence has brought all that is wanted of it. */
  receive(arrival: Arrival, now: number): boolean;
  /** The sequence ends before that. */
  fail(error: PagemindError): void;
}

/** One answer among those of a generation. */
export interface AnswerEvents {
  /** From 0. */
  readonly index: number;
  readonly events: AsyncQueue<GenerateEvent>;
  /** Called when the answer has ended. */
  readonly onEnd: () => void;
}

/** Turns an answer into events. */
export class GenerationOutput implements SequenceOutput {
  readonly #request: Request;
  readonly #answer: AnswerEvents;
  readonly #text: TextOutput;
  readonly #arrivedAt: number;
  #startedAt: number | undefined;
  #firstTokenAt: number | undefined;
  #numGenerated = 0;
  #finishReason: FinishReason | undefined;

  constructor(request: Request, answer: AnswerEvents, text: TextOutput, arrivedAt: number) {
    this.#request = request;
    this.#answer = answer;
    this.#text = text;
    this.#arrivedAt = arrivedAt;
  }

  start(now: number): void {
    this.#startedAt ??= now;
  }

  receive({ sequence, result }: Arrival, now: number): boolean {
    const { index, events, onEnd } = this.#answer;
    const tokenIds: number[] = [];
    const logprobs: GeneratedLogprob[] = [];
    let text = '';
    for (const [i, id] of result.tokens.entries()) {
      const accepted = this.#accept(id);
      tokenIds.push(id);
      text += accepted.text;
      const drawn = result.logprobs?.[i];
      if (drawn) logprobs.push(this.#text.describe(drawn, accepted.offset));
      // The GPU may have run past a stop string: what it sampled there is dropped.
      if (this.#finishReason) break;
    }
    invariant(this.#finishReason || !result.isDone, 'the runner ended a sequence that goes on');
    this.#firstTokenAt ??= now;
    events.push({ type: 'delta', index, text, tokenIds, ...(result.logprobs && { logprobs }) });
    if (!this.#finishReason) return false;
    const usage = {
      promptTokens: this.#request.promptIds.length,
      completionTokens: this.#numGenerated,
      cachedTokens: sequence.numCached,
    };
    events.push({
      type: 'end',
      index,
      finishReason: this.#finishReason,
      ...(this.#finishReason === 'stop' && { stoppedBy: this.#text.isStopped ? 'string' : 'token' }),
      usage,
      stats: this.#stats(sequence, usage, now),
    });
    onEnd();
    return true;
  }

  fail(error: PagemindError): void {
    this.#answer.events.fail(error);
  }

  /** Takes one id; gives the text that it makes certain, and where its own begins; decides whether it is the last. */
  #accept(id: number): { readonly text: string; readonly offset: number } {
    const { promptIds, stopIds, minLength, maxLength } = this.#request;
    const length = promptIds.length + this.#numGenerated++;
    if (stopIds.has(id) && length >= minLength) {
      this.#finishReason = 'stop';
      // What was held back comes before it.
      return { text: this.#text.end(), offset: this.#text.numChars };
    }
    const offset = this.#text.numChars;
    const isLast = length + 1 === maxLength;
    const text = this.#text.push(id) + (isLast ? this.#text.end() : '');
    if (this.#text.isStopped) this.#finishReason = 'stop';
    else if (isLast) this.#finishReason = 'length';
    return { text, offset };
  }

  #stats({ speculation }: Sequence, { promptTokens, cachedTokens }: Usage, now: number): RequestStats {
    const startedAt = this.#startedAt ?? now;
    const firstTokenAt = this.#firstTokenAt ?? now;
    return {
      queueMs: startedAt - this.#arrivedAt,
      timeToFirstTokenMs: firstTokenAt - this.#arrivedAt,
      totalMs: now - this.#arrivedAt,
      prefillTokensPerSecond: perSecond(promptTokens - cachedTokens, firstTokenAt - startedAt),
      decodeTokensPerSecond: perSecond(this.#numGenerated - 1, now - firstTokenAt),
      numProposed: speculation?.numProposed ?? 0,
      numAccepted: speculation?.numAccepted ?? 0,
    };
  }
}

/** Ids to text, cut where the first stop string begins. Without a detokenizer there is no text. */
export class TextOutput {
  readonly #detokenizer: Detokenizer | undefined;
  readonly #matcher: StopMatcher;
  readonly #tokenizer: Tokenizer | undefined;
  #isStopped = false;
  #numChars = 0;

  constructor(detokenizer?: Detokenizer, stopStrings: readonly string[] = [], tokenizer?: Tokenizer) {
    this.#detokenizer = detokenizer;
    this.#matcher = new StopMatcher(stopStrings);
    this.#tokenizer = tokenizer;
  }

  /** A stop string was met; no text follows. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Characters that have become certain so far; a stop string may cut some off. */
  get numChars(): number {
    return this.#numChars;
  }

  push(id: number): string {
    return this.#match(this.#detokenizer?.push(id) ?? '');
  }

  /** A token as its caller sees it. */
  describe(drawn: DrawnLogprobs, offset: number): GeneratedLogprob {
    const top = drawn.top.map((token) => this.#describe(token));
    return { ...this.#describe(drawn), top, offset };
  }

  #describe({ id, logprob }: Logprob): TokenLogprob {
    if (!this.#tokenizer) return { id, token: '', bytes: [], logprob };
    const { text, bytes } = tokenText(this.#tokenizer, id);
    return { id, token: text, bytes: [...bytes], logprob };
  }

  /** The text that was held back. */
  end(): string {
    if (this.#isStopped) return '';
    const text = this.#match(this.#detokenizer?.flush() ?? '');
    return this.#isStopped ? text : text + this.#matcher.flush();
  }

  #match(piece: string): string {
    this.#numChars += piece.length;
    const { text, isStopped } = this.#matcher.push(piece);
    this.#isStopped = isStopped;
    return text;
  }
}

/**
 * The text side of a generation.
 * @throws PagemindError `invalid_request` for an empty stop string, or any without a tokenizer.
 */
export function createTextOutput(
  { prompt, stopStrings = [], skipSpecialTokens = true }: GenerateRequest,
  promptIds: readonly number[],
  text: TextTools | undefined,
): TextOutput {
  if (stopStrings.some((stop) => typeof stop !== 'string' || stop === '')) {
    throw new PagemindError('invalid_request', 'A stop string is empty.', { hint: 'Leave empty stop strings out.' });
  }
  if (!text && stopStrings.length === 0) return new TextOutput();
  // A completion goes on from its prompt, leading space and all; an answer begins anew.
  const context = prompt.kind === 'messages' ? [] : promptIds;
  const { tokenizer } = requireText(text);
  return new TextOutput(createDetokenizer(tokenizer, { skipSpecialTokens, context }), stopStrings, tokenizer);
}

/** Collects the logits of forced tokens, `[numTokens, vocabSize]`. */
export class LogitsOutput implements SequenceOutput {
  /** Settles when the sequence ends. */
  readonly logits: Promise<Float32Array>;
  readonly #collected: Float32Array;
  readonly #vocabSize: number;
  #resolve: (logits: Float32Array) => void = () => {};
  #reject: (error: PagemindError) => void = () => {};

  /** @throws PagemindError `out_of_memory` when so many logits cannot be held. */
  constructor(numTokens: number, vocabSize: number) {
    this.#vocabSize = vocabSize;
    this.#collected = allocate(numTokens, vocabSize);
    this.logits = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  start(): void {}

  receive({ share, result }: Arrival): boolean {
    const numTokens = share.tokens.length;
    invariant(result.logits?.length === numTokens * this.#vocabSize, 'the runner returned the logits that were wanted');
    this.#collected.set(result.logits, share.startPosition * this.#vocabSize);
    const isAll = (share.startPosition + numTokens) * this.#vocabSize === this.#collected.length;
    if (isAll) this.#resolve(this.#collected);
    return isAll;
  }

  fail(error: PagemindError): void {
    this.#reject(error);
  }
}

/** Collects the log probabilities of given tokens, of all but the first. */
export class LogprobsOutput implements SequenceOutput {
  /** Settles when the sequence ends. */
  readonly logprobs: Promise<Float32Array>;
  readonly #collected: Float32Array;
  #resolve: (logprobs: Float32Array) => void = () => {};
  #reject: (error: PagemindError) => void = () => {};

  constructor(numTokens: number) {
    this.#collected = new Float32Array(numTokens - 1);
    this.logprobs = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  start(): void {}

  receive({ share, result }: Arrival): boolean {
    const { targets = [], startPosition, tokens } = share;
    invariant(result.targetLogprobs?.length === targets.length, 'the runner returned the log probabilities');
    this.#collected.set(result.targetLogprobs, startPosition);
    const isAll = startPosition + tokens.length > this.#collected.length;
    if (isAll) this.#resolve(this.#collected);
    return isAll;
  }

  fail(error: PagemindError): void {
    this.#reject(error);
  }
}

function allocate(numTokens: number, vocabSize: number): Float32Array {
  try {
    return new Float32Array(numTokens * vocabSize);
  } catch (cause) {
    throw new PagemindError('out_of_memory', `The logits of ${numTokens} tokens do not fit in memory.`, {
      hint: 'Ask for the logits of fewer tokens at a time.',
      cause,
    });
  }
}

function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}
