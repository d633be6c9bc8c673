// A session as plain data: what it consists of, and how data that comes from elsewhere is read. What turns do to each
// other is session.ts's business.
import type { ChatMessage } from '../engine/core.js';
import { Fields, invalid } from './fields.js';
import { validateMessages } from './validate.js';

/** A question and its answer. */
export interface SessionTurn {
  /** The answer comes last. */
  readonly messages: readonly ChatMessage[];
  /** The tokens after this turn are the first `numKept` of those before it, and then `ids`. */
  readonly numKept: number;
  readonly ids: readonly number[];
  /** False: a stop string cut the answer within its tokens; they are not among `ids`, and the text is encoded anew. */
  readonly holdsAnswer: boolean;
}

/**
 * A session that can be stored and restored. It holds images as they were given: addresses survive JSON, other images only
 * what clones, as IndexedDB does.
 */
export interface SessionData {
  /** Tokens mean something to this model alone. */
  readonly model: string;
  /** Before the first turn. */
  readonly messages: readonly ChatMessage[];
  readonly turns: readonly SessionTurn[];
}

/** Tokens after the last of these turns. */
export function countTokens(turns: readonly SessionTurn[]): number {
  const last = turns.at(-1);
  return last ? last.numKept + last.ids.length : 0;
}

/**
 * Reads untrusted data. For another model the messages stay and their tokens are made anew.
 * @throws PagemindError `invalid_request` naming the field.
 */
export function readSessionData(given: unknown, model: string): SessionData {
  const fields = new Fields(given, 'from.');
  const isSameModel = fields.string('model') === model;
  const messages = readMessages(fields.get('messages'), 'from.messages');
  const listed = readList(fields.get('turns'), 'from.turns');
  fields.refuseOthers();
  const turns: SessionTurn[] = [];
  for (const [i, each] of listed.entries()) {
    const turn = readTurn(each, `from.turns[${i}]`, countTokens(turns));
    turns.push(isSameModel ? turn : { ...turn, numKept: 0, ids: [] });
  }
  return { model, messages, turns };
}

function readTurn(given: unknown, path: string, numBefore: number): SessionTurn {
  const fields = new Fields(given, `${path}.`);
  const messages = readMessages(fields.get('messages'), `${path}.messages`);
  const numKept = fields.integer('numKept', 0) ?? 0;
  const ids = readList(fields.get('ids'), `${path}.ids`);
  const holdsAnswer = fields.boolean('holdsAnswer') ?? false;
  fields.refuseOthers();
  if (messages.at(-1)?.role !== 'assistant') throw invalid(`${path}.messages does not end with an answer.`);
  if (!ids.every(isTokenId)) throw invalid(`${path}.ids is not a list of token ids.`);
  return { messages, numKept: Math.min(numKept, numBefore), ids, holdsAnswer };
}

function readMessages(value: unknown, path: string): readonly ChatMessage[] {
  return readList(value, path).length === 0 ? [] : validateMessages(value, path);
}

function readList(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${path} is not a list.`);
}

function isTokenId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
