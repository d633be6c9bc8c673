// What is said to the loaded model and what it answers: sending, streaming, stopping, trying again. How turns change is
// turns.ts; how they become a prompt is prompt.ts.

import type { GenerateEvent, GenerateRequest, Prompt } from '@pagemind/core/client';
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ChatEngine } from './chat-engine.js';
import { type Failure, failureOf, isAboutPictures } from './failure.js';
import { countTokens, type Meter, startMeter, timeToFirstTokenMs, tokensPerSecond } from './meter.js';
import type { Picture } from './pictures.js';
import { chatPrompt, continuation, DESCRIBE, type Mode, STORY_ENDS, storyText, storyWindow } from './prompt.js';
import { LIKELIEST, type Settings, samplingOf } from './settings.js';
import { nextQuestion, reduceTurns, type Turn, type TurnAction, type TurnStats } from './turns.js';

/** Where a conversation gets what it needs at the moment it is asked. */
export interface ConversationContext {
  readonly engine: () => ChatEngine | undefined;
  readonly mode: () => Mode;
  readonly settings: () => Settings;
  /** Milliseconds. */
  readonly now: () => number;
}

/** What there is to a conversation, beside what is under way. */
export interface ConversationState {
  readonly turns: readonly Turn[];
  readonly numForgotten: number;
  readonly numContextTokens: number;
}

/** Text reaches the page at most this often: readable, and cheap to draw. */
const FLUSH_EVERY_MS = 40;

export class Conversation {
  readonly turns: Signal<readonly Turn[]> = signal([]);
  readonly failure: Signal<Failure | undefined> = signal(undefined);
  /** Figures of the present or of the last answer. */
  readonly stats: Signal<Partial<TurnStats>> = signal({});
  /** Tokens that the session holds after the last answer. */
  readonly numContextTokens: Signal<number> = signal(0);
  /** Turns at the beginning that the model is no longer told: the session has no room for them. */
  readonly numForgotten: Signal<number> = signal(0);
  readonly isAnswering: ReadonlySignal<boolean>;
  readonly #context: ConversationContext;
  #answering: AbortController | undefined;
  /** The last turn is what an answer brought before it failed. */
  #isLastAnswerBroken = false;

  constructor(context: ConversationContext) {
    this.#context = context;
    this.isAnswering = computed(() => this.turns.value.at(-1)?.status === 'streaming');
  }

  get state(): ConversationState {
    const [turns, numForgotten, numContextTokens] = [this.turns, this.numForgotten, this.numContextTokens];
    return { turns: turns.peek(), numForgotten: numForgotten.peek(), numContextTokens: numContextTokens.peek() };
  }

  /** Goes on from an earlier state. */
  restore({ turns, numForgotten, numContextTokens }: ConversationState): void {
    this.clear();
    this.turns.value = turns;
    this.numForgotten.value = numForgotten;
    this.numContextTokens.value = numContextTokens;
  }

  /**
   * Adds what the person wrote and showed, and has it answered. In a story, nothing written means "go on"; with
   * pictures it means "describe them".
   */
  async send(text: string, pictures: readonly Picture[] = []): Promise<void> {
    if (this.isAnswering.peek()) return;
    const isStory = this.#context.mode() === 'story';
    const turns = this.turns.peek();
    const written = isStory ? continuation(storyText(turns), text) : text.trim();
    const piece = written === '' && pictures.length > 0 ? DESCRIBE : written;
    if (piece.trim() === '' && !(isStory && turns.length > 0)) return;
    if (piece !== '') this.#change({ type: 'write', text: piece, pictures });
    // A description is no invention: the likeliest words, unless the person wants to hear it in others.
    await this.#answer({ isLikeliest: piece === DESCRIBE });
  }

  /** Another answer in place of the last one, or the answer that failed. */
  async regenerate(): Promise<void> {
    if (this.isAnswering.peek() || this.turns.peek().length === 0) return;
    this.#change({ type: 'retract' });
    if (this.turns.peek().length > 0) await this.#answer();
  }

  /** Tries the answer that failed once more; what it had brought is dropped. */
  async retry(): Promise<void> {
    if (this.isAnswering.peek() || this.turns.peek().length === 0) return;
    if (this.#isLastAnswerBroken) this.#change({ type: 'retract' });
    await this.#answer();
  }

  stop(): void {
    this.#answering?.abort();
  }

  clear(): void {
    this.stop();
    this.#answering = undefined;
    this.failure.value = undefined;
    this.stats.value = {};
    this.numContextTokens.value = 0;
    this.numForgotten.value = 0;
    this.#change({ type: 'clear' });
  }

  async #answer({ isLikeliest = false } = {}): Promise<void> {
    const engine = this.#context.engine();
    // A question that was refused stays so; the person asks another one.
    if (!engine || this.turns.peek().at(-1)?.isRefused) return;
    const controller = new AbortController();
    this.#answering = controller;
    this.#isLastAnswerBroken = false;
    this.failure.value = undefined;
    this.stats.value = {};
    const turns = this.turns.peek();
    this.#change({ type: 'answer' });
    try {
      await this.#ask(engine, turns, isLikeliest, controller);
    } catch (error) {
      if (this.#answering !== controller) return;
      const failure = failureOf(error);
      this.#isLastAnswerBroken = failure.code !== 'aborted' && this.turns.peek().at(-1)?.text !== '';
      this.#change({ type: 'finish', status: 'stopped' });
      if (isAboutPictures(failure)) this.#change({ type: 'refuse' });
      if (failure.code !== 'aborted') this.failure.value = failure;
    } finally {
      if (this.#answering === controller) this.#answering = undefined;
    }
  }

  /** A conversation that has become too long for the model goes on without its beginning. */
  async #ask(engine: ChatEngine, turns: readonly Turn[], isLikeliest: boolean, own: AbortController): Promise<void> {
    const { sessionLen } = engine.info;
    const room = Math.min(this.#context.settings().generation.maxTokens, sessionLen / 4);
    if (this.numContextTokens.peek() + room > sessionLen) this.#forget(turns);
    for (;;) {
      try {
        const request = await this.#request(engine, turns.slice(this.numForgotten.peek()), isLikeliest);
        return await this.#stream(engine.generate(request, own.signal), () => this.#answering === own);
      } catch (error) {
        if (failureOf(error).code !== 'context_too_long' || !this.#forget(turns)) throw error;
      }
    }
  }

  /** Leaves out the oldest question and its answer; false when there is none but the last. Stories have a window. */
  #forget(turns: readonly Turn[]): boolean {
    const next = nextQuestion(turns, this.numForgotten.peek());
    if (this.#context.mode() !== 'chat' || next === undefined) return false;
    this.numForgotten.value = next;
    return true;
  }

  async #request(engine: ChatEngine, turns: readonly Turn[], isLikeliest: boolean): Promise<GenerateRequest> {
    const { generation, systemPrompt } = this.#context.settings();
    const sampling = { ...samplingOf(generation), ...(isLikeliest && LIKELIEST) };
    const limits = { sampling, maxNewTokens: generation.maxTokens };
    if (this.#context.mode() === 'chat') {
      return { ...limits, prompt: chatPrompt(turns, systemPrompt, engine.info.takesImages) };
    }
    const prompt = await storyPrompt(engine, storyText(turns), generation.maxTokens);
    return { ...limits, prompt, stopStrings: STORY_ENDS };
  }

  /** @param isCurrent false once the conversation was cleared */
  async #stream(events: AsyncIterable<GenerateEvent>, isCurrent: () => boolean): Promise<void> {
    const { now } = this.#context;
    const buffer = new TextBuffer(FLUSH_EVERY_MS, (text) => {
      if (isCurrent()) this.#change({ type: 'append', text });
    });
    let meter = startMeter(now());
    try {
      for await (const event of events) {
        if (!isCurrent()) return;
        if (event.type === 'delta') {
          meter = countTokens(meter, event.tokenIds.length, now());
          this.stats.value = statsOf(meter);
          buffer.add(event.text);
        } else {
          buffer.flush();
          this.#finish(event);
        }
      }
    } finally {
      buffer.flush();
    }
  }

  #finish({ finishReason, usage, stats }: GenerateEvent & { readonly type: 'end' }): void {
    const figures: TurnStats = {
      numTokens: usage.completionTokens,
      tokensPerSecond: stats.decodeTokensPerSecond,
      timeToFirstTokenMs: stats.timeToFirstTokenMs,
    };
    this.stats.value = figures;
    this.numContextTokens.value = usage.promptTokens + usage.completionTokens;
    this.#change({ type: 'finish', status: finishReason === 'length' ? 'length' : 'done', stats: figures });
  }

  #change(action: TurnAction): void {
    this.turns.value = reduceTurns(this.turns.peek(), action);
  }
}

/** The story, or as much of its end as leaves room to go on. */
async function storyPrompt(engine: ChatEngine, text: string, maxTokens: number): Promise<Prompt> {
  const ids = storyWindow(await engine.encode(text), engine.info.sessionLen, maxTokens);
  return ids ? { kind: 'tokens', ids } : { kind: 'text', text, addSpecialTokens: true };
}

function statsOf(meter: Meter): Partial<TurnStats> {
  const speed = tokensPerSecond(meter);
  const first = timeToFirstTokenMs(meter);
  return {
    numTokens: meter.numTokens,
    ...(speed !== undefined && { tokensPerSecond: speed }),
    ...(first !== undefined && { timeToFirstTokenMs: first }),
  };
}

/** Collects text and passes it on at intervals. */
class TextBuffer {
  readonly #everyMs: number;
  readonly #emit: (text: string) => void;
  #text = '';
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(everyMs: number, emit: (text: string) => void) {
    this.#everyMs = everyMs;
    this.#emit = emit;
  }

  add(text: string): void {
    this.#text += text;
    this.#timer ??= setTimeout(() => this.flush(), this.#everyMs);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.#emit(text);
  }
}
