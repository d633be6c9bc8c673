// A conversation that keeps its tokens: every turn goes on from what the model really saw and said, so that only what is
// new has to be computed. How a template is continued is engine/held.ts's work. The keys and values of the tokens are the
// engine's: it finds them among its cached blocks as long as these survive, and computes them again when not.
import type {
  ChatMessage,
  EngineCore,
  FinishReason,
  GeneratedLogprob,
  GenerateEvent,
  GenerateRequest,
  HeldTokens,
  KvPages,
  Usage,
} from '../engine/core.js';
import { imagesOf } from '../engine/images.js';
import { invariant, PagemindError } from '../errors.js';
import { Fields, invalid, isRecord } from './fields.js';
import { toSendableMessages } from './sendable.js';
import { countTokens, readSessionData, type SessionData, type SessionTurn } from './session-data.js';
import type { CallOptions, ChatCompletionMessage, ChatCompletionRequest, MessageContent } from './types.js';
import { validateChatCompletion, validateMessages } from './validate.js';

/** How a session begins: with messages, e.g. the system's, or where another one was stored. */
export type SessionOptions =
  | { readonly messages?: readonly ChatCompletionMessage[]; readonly from?: never }
  | { readonly messages?: never; readonly from: SessionData };

/** What is said in a turn: a user's text or parts, or one or several messages. */
export type SessionInput = MessageContent | ChatCompletionMessage | readonly ChatCompletionMessage[];

/** How a turn is answered: the fields of a chat completion, with its defaults. */
export type SendOptions = Omit<ChatCompletionRequest, 'messages' | 'model' | 'stream' | 'stream_options'> & CallOptions;

/** How a turn is answered, in the engine's own terms. */
export interface TurnRequest extends Omit<GenerateRequest, 'prompt' | 'returnPromptIds'> {
  readonly templateOptions?: Readonly<Record<string, unknown>>;
}

/** A whole answer. */
export interface SessionAnswer {
  readonly text: string;
  /** As generated, with the id that ended it. */
  readonly tokenIds: readonly number[];
  /** Of each of `tokenIds`, where asked for. */
  readonly logprobs?: readonly GeneratedLogprob[];
  readonly finishReason: FinishReason;
  /** `cachedTokens` of the prompt were still there from earlier turns. */
  readonly usage: Usage;
}

/** The part of an answer that was generated before it was aborted. */
export interface AbortedAnswer {
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly finishReason: 'abort';
}

/** A turn under way. */
interface Draft {
  messages: readonly ChatMessage[];
  promptIds: readonly number[];
  text: string;
  readonly tokenIds: number[];
  readonly logprobs: GeneratedLogprob[];
}

/** A conversation; made by `engine.session()`. One turn at a time: {@link fork} it for several. */
export class Session {
  readonly #core: EngineCore;
  /** Before the first turn. */
  #messages: readonly ChatMessage[] = [];
  /** Turns never change, so forks share them. */
  #turns: readonly SessionTurn[] = [];
  #response: SessionAnswer | AbortedAnswer | undefined;
  #isAnswering = false;
  readonly #ending = new AbortController();

  /** @throws PagemindError `invalid_request` naming what is wrong with the options. */
  constructor(core: EngineCore, options: SessionOptions = {}) {
    this.#core = core;
    const fields = new Fields(options, 'options.');
    const [messages, from] = [fields.get('messages'), fields.get('from')];
    fields.refuseOthers();
    if (messages !== undefined && from !== undefined) throw invalid('A session begins with messages, or from another.');
    if (messages !== undefined) this.#messages = validateMessages(messages, 'options.messages');
    if (from === undefined) return;
    const data = readSessionData(from, core.info.model);
    this.#messages = data.messages;
    this.#turns = data.turns;
  }

  /** All messages so far, answers included, aborted ones as far as they came. */
  get history(): readonly ChatMessage[] {
    return [...this.#messages, ...this.#turns.flatMap(({ messages }) => messages)];
  }

  /** Turns that were answered. */
  get numTurns(): number {
    return this.#turns.length;
  }

  /** Tokens held: those of the latest prompt and its answer. LMDeploy calls it `step`. */
  get numTokens(): number {
    return countTokens(this.#turns);
  }

  /** The latest answer, or what came of it; undefined before the first one, and after {@link rewind}. */
  get response(): SessionAnswer | AbortedAnswer | undefined {
    return this.#response;
  }

  /**
   * Says something and waits for the answer. An aborted turn throws, but what was generated of its answer stays, and the
   * next turn goes on from it. A turn that fails otherwise, or before its first token, was never said.
   * @throws PagemindError `invalid_request`, also while another turn is answered; `context_too_long` when the session is
   * full; `aborted`, `queue_full`, `disposed`, …
   */
  async send(input: SessionInput, options: SendOptions = {}): Promise<SessionAnswer> {
    const events = this.stream(input, options);
    let next = await events.next();
    while (!next.done) next = await events.next();
    return next.value;
  }

  /** The same as it comes. The turn starts when the stream is first read; leaving the stream aborts it. */
  async *stream(
    input: SessionInput,
    { signal, ...options }: SendOptions = {},
  ): AsyncGenerator<GenerateEvent, SessionAnswer> {
    const { prompt, ...request } = validateChatCompletion({ ...options, messages: messagesOf(input) }).request;
    invariant(prompt.kind === 'messages', 'a chat completion has messages');
    const { messages, templateOptions } = prompt;
    return yield* this.generate(messages, { ...request, ...(templateOptions && { templateOptions }) }, signal);
  }

  /** A turn in the engine's own terms: {@link stream} without OpenAI's names. */
  async *generate(
    messages: readonly ChatMessage[],
    { templateOptions, ...request }: TurnRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<GenerateEvent, SessionAnswer> {
    if (messages.at(-1)?.role === 'assistant') {
      throw invalid('A turn ends with a message of the assistant.', 'End it with what is to be answered.');
    }
    if ((request.numChoices ?? 1) !== 1) {
      throw invalid('A turn has one answer.', 'Use forks of the session for several.');
    }
    this.#requireIdle();
    this.#isAnswering = true;
    const draft: Draft = { messages, promptIds: [], text: '', tokenIds: [], logprobs: [] };
    let answer: SessionAnswer | undefined;
    let hasFailed = false;
    try {
      // Images as they are now: a canvas or a video will show something else in the next turn.
      draft.messages = await toSendableMessages(messages);
      const all = await toSendableMessages([...this.history, ...draft.messages]);
      const held = this.#held();
      const prompt = {
        kind: 'messages',
        messages: all,
        ...(templateOptions && { templateOptions }),
        ...(held && { held }),
      } as const;
      const either = signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal;
      for await (const event of this.#core.generate({ ...request, prompt, returnPromptIds: true }, either)) {
        if (event.type === 'delta') {
          draft.promptIds = event.promptIds ?? draft.promptIds;
          draft.text += event.text;
          draft.tokenIds.push(...event.tokenIds);
          draft.logprobs.push(...(event.logprobs ?? []));
        } else {
          const { text, tokenIds, logprobs } = draft;
          const { finishReason, usage } = event;
          answer = { text, tokenIds, ...(request.logprobs !== undefined && { logprobs }), finishReason, usage };
          this.#keep(draft, answer, event.stoppedBy);
        }
        yield event;
      }
      invariant(answer, 'a generation that does not fail has an end');
      return answer;
    } catch (error) {
      hasFailed = !(error instanceof PagemindError && error.code === 'aborted');
      throw error;
    } finally {
      const { text, tokenIds } = draft;
      const isPart = !answer && !hasFailed && tokenIds.length > 0;
      if (isPart) this.#keep(draft, { text, tokenIds, finishReason: 'abort' });
      this.#isAnswering = false;
    }
  }

  /**
   * Takes turns back: the latest one, a number of them, or as many as it takes to hold no more than `numTokens`.
   * @throws PagemindError `invalid_request` when there are not so many, or while a turn is answered.
   */
  rewind(to: number | { readonly numTokens: number } = 1): void {
    this.#requireIdle();
    let numLeft = this.#turns.length;
    if (typeof to === 'number') {
      if (!Number.isSafeInteger(to) || to < 0 || to > numLeft) {
        throw invalid(`The session cannot go back ${String(to)} turns.`, `It has ${numLeft}.`);
      }
      numLeft -= to;
    } else {
      while (numLeft > 0 && countTokens(this.#turns.slice(0, numLeft)) > to.numTokens) numLeft--;
    }
    this.#turns = this.#turns.slice(0, numLeft);
    this.#response = undefined;
  }

  /** Another session that goes on from here; both share what is computed. A turn under way is not part of it. */
  fork(): Session {
    const fork = new Session(this.#core);
    fork.#messages = this.#messages;
    fork.#turns = this.#turns;
    fork.#response = this.#response;
    return fork;
  }

  /** Aborts a turn under way and forgets everything. Safe to call twice; later turns throw `disposed`. */
  end(): void {
    this.#ending.abort();
    this.#messages = [];
    this.#turns = [];
    this.#response = undefined;
  }

  /**
   * Keys and values of its tokens, as far as the engine has them now, for `engine.writeKv` of another one: windows of a few
   * MB, read when they are asked for.
   */
  async *kv(): AsyncGenerator<KvPages> {
    const ids = tokensAfter(this.#turns);
    if (ids.length === 0) return;
    const images = imagesOf({ kind: 'messages', messages: await toSendableMessages(this.history) });
    let pages = await this.#core.readKv({ prompt: { kind: 'tokens', ids, images } });
    while (pages) {
      yield pages;
      const { keys, firstBlock, numBlocks } = pages;
      const next = firstBlock + numBlocks;
      pages = next < keys.length ? await this.#core.readKv({ keys, firstBlock: next }) : undefined;
    }
  }

  /** Plain data for `engine.session({ from })`. Keys and values are not part of it: they are found or computed again. */
  toJSON(): SessionData {
    return { model: this.#core.info.model, messages: this.#messages, turns: this.#turns };
  }

  /** Makes a turn of what was said and answered. */
  #keep(
    { messages, promptIds, text, tokenIds }: Draft,
    response: SessionAnswer | AbortedAnswer,
    stoppedBy?: 'token' | 'string',
  ): void {
    if (this.#ending.signal.aborted) return;
    const holdsAnswer = stoppedBy !== 'string';
    // What comes behind an answer, the template says.
    const answerIds = stoppedBy === 'token' ? tokenIds.slice(0, -1) : tokenIds;
    const before = tokensAfter(this.#turns);
    const after = holdsAnswer ? [...promptIds, ...answerIds] : promptIds;
    const firstNew = after.findIndex((id, i) => id !== before[i]);
    const numKept = firstNew < 0 ? after.length : firstNew;
    const turn: SessionTurn = {
      messages: [...messages, { role: 'assistant', content: text }],
      numKept,
      ids: after.slice(numKept),
      holdsAnswer,
    };
    this.#turns = [...this.#turns, turn];
    this.#response = response;
  }

  /** Undefined at the start, and when tokens of another model were forgotten. */
  #held(): HeldTokens | undefined {
    const ids = tokensAfter(this.#turns);
    if (ids.length === 0) return undefined;
    return { ids, numMessages: this.history.length - (this.#turns.at(-1)?.holdsAnswer ? 0 : 1) };
  }

  #requireIdle(): void {
    if (this.#ending.signal.aborted) throw new PagemindError('disposed', 'The session has ended.');
    if (this.#isAnswering) {
      throw invalid('The session is answering already.', 'Wait for the answer, abort it, or use a fork.');
    }
  }
}

function tokensAfter(turns: readonly SessionTurn[]): readonly number[] {
  return turns.reduce<readonly number[]>((before, { numKept, ids }) => [...before.slice(0, numKept), ...ids], []);
}

function messagesOf(input: SessionInput): readonly unknown[] {
  const isMessage = (value: unknown): boolean => isRecord(value) && 'role' in value;
  if (Array.isArray(input) && input.some(isMessage)) return input;
  return isMessage(input) ? [input] : [{ role: 'user', content: input }];
}
