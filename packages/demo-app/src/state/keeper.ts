// Keeps the conversation over a reload of the page: stores it when it has changed, brings it back, and forgets it when it is
// cleared. What comes back is checked: it may be of another version, or broken.
import { type DataStore, PagemindError } from '@pagemind/core/client';
import { effect, type Signal, signal } from '@preact/signals';
import type { Conversation, ConversationState } from './conversation.js';
import type { Picture } from './pictures.js';
import type { Mode } from './prompt.js';
import { oneOf, record } from './settings.js';
import type { Turn, TurnStats } from './turns.js';

/** What is used of the library's store. */
export type Shelf = Pick<DataStore, 'save' | 'load' | 'delete'>;

/** A conversation as it is stored: plain data and the pictures. */
export interface KeptConversation extends ConversationState {
  readonly version: typeof VERSION;
  readonly mode: Mode;
}

const NAME = 'conversation';
const VERSION = 1;

export class Keeper {
  /** False once the browser has refused to keep something: the conversation then lasts as long as the page. */
  readonly isKeeping: Signal<boolean> = signal(true);
  readonly #shelf: Shelf;
  readonly #conversation: Conversation;
  readonly #mode: () => Mode;
  /** What is stored, or on its way there. */
  #kept: readonly Turn[] = [];
  #isWriting = false;

  constructor(shelf: Shelf, conversation: Conversation, mode: () => Mode) {
    this.#shelf = shelf;
    this.#conversation = conversation;
    this.#mode = mode;
  }

  /** Brings the conversation back, and keeps it from now on; gives the mode that it was in, if there was one. */
  async start(): Promise<Mode | undefined> {
    const kept = await this.#load();
    // Whoever was quicker than the disk has begun a new one.
    const isNew = this.#conversation.turns.peek().length > 0;
    if (kept && !isNew) {
      this.#kept = kept.turns;
      this.#conversation.restore(kept);
    }
    effect(() => {
      const turns = settled(this.#conversation.turns.value);
      if (!isSame(turns, this.#kept) && !this.#isWriting) void this.#write();
    });
    return isNew ? undefined : kept?.mode;
  }

  async #load(): Promise<KeptConversation | undefined> {
    try {
      const data = await this.#shelf.load(NAME);
      return parseConversation(data);
    } catch (error) {
      // What is damaged is replaced by the next conversation.
      this.isKeeping.value = error instanceof PagemindError && error.code === 'file_malformed';
      return undefined;
    }
  }

  /** Stores what there is, and what came meanwhile. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    for (;;) {
      const { state } = this.#conversation;
      const turns = settled(state.turns);
      if (isSame(turns, this.#kept)) break;
      this.#kept = turns;
      const kept: KeptConversation = { ...state, turns, version: VERSION, mode: this.#mode() };
      const written = turns.length === 0 ? this.#shelf.delete(NAME) : this.#shelf.save(NAME, kept);
      this.isKeeping.value = await written.then(
        () => true,
        () => false,
      );
    }
    this.#isWriting = false;
  }
}

/** What is stored, as far as it can be used; undefined when it is no conversation of this version. */
export function parseConversation(data: unknown): KeptConversation | undefined {
  const { version, mode, turns, numForgotten, numContextTokens } = record(data);
  const knownMode = oneOf(['chat', 'story'], mode);
  if (version !== VERSION || !knownMode || !Array.isArray(turns) || turns.length === 0) return undefined;
  const parsed = turns.map(parseTurn);
  if (!parsed.every((turn) => turn !== undefined)) return undefined;
  return {
    version,
    mode: knownMode,
    turns: parsed,
    numForgotten: Math.min(countOf(numForgotten), parsed.length - 1),
    numContextTokens: countOf(numContextTokens),
  };
}

function parseTurn(value: unknown, index: number): Turn | undefined {
  const { author, text, status, pictures = [], isRefused, stats } = record(value);
  const knownAuthor = oneOf(['person', 'model'], author);
  const knownStatus = oneOf(['done', 'length', 'stopped'], status);
  const known = Array.isArray(pictures) ? pictures.map(parsePicture) : [undefined];
  if (!knownAuthor || !knownStatus || typeof text !== 'string') return undefined;
  if (!known.every((picture) => picture !== undefined)) return undefined;
  const figures = parseStats(stats);
  return {
    id: index + 1,
    author: knownAuthor,
    text,
    status: knownStatus,
    ...(known.length > 0 && { pictures: known }),
    ...(isRefused === true && { isRefused }),
    ...(figures && { stats: figures }),
  };
}

function parsePicture(value: unknown, index: number): Picture | undefined {
  const { name, blob, thumbnail } = record(value);
  const isPicture = typeof name === 'string' && blob instanceof Blob && thumbnail instanceof Blob;
  return isPicture ? { id: index + 1, name, blob, thumbnail } : undefined;
}

function parseStats(value: unknown): TurnStats | undefined {
  const { numTokens, tokensPerSecond, timeToFirstTokenMs } = record(value);
  const isNumber = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one);
  const isWhole = isNumber(numTokens) && isNumber(tokensPerSecond) && isNumber(timeToFirstTokenMs);
  return isWhole ? { numTokens, tokensPerSecond, timeToFirstTokenMs } : undefined;
}

function countOf(value: unknown): number {
  return Number.isSafeInteger(value) ? Math.max(value as number, 0) : 0;
}

/** Without the answer that is being written. */
function settled(turns: readonly Turn[]): readonly Turn[] {
  return turns.at(-1)?.status === 'streaming' ? turns.slice(0, -1) : turns;
}

function isSame(some: readonly Turn[], others: readonly Turn[]): boolean {
  return some.length === others.length && some.every((turn, i) => turn === others[i]);
}
