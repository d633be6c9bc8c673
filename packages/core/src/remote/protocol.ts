// What an engine in another thread can be asked, as one typed table, and the messages that carry it. Both sides check
// what they receive: other scripts may use the same channel.
import type {
  EngineInfo,
  EngineStats,
  ErrorData,
  GenerateEvent,
  GenerateRequest,
  KvPages,
  KvQuery,
  LoadProgress,
  LogitsOptions,
} from '../engine/core.js';
import { PagemindError } from '../errors.js';

/** Every method: its arguments, the events on the way, and what it gives in the end. Plain, cloneable data throughout. */
export interface Methods {
  /** Makes the engine; the options are those of the host's factory. */
  readonly open: { args: readonly [options: unknown]; event: LoadProgress; result: EngineInfo };
  readonly generate: { args: readonly [request: GenerateRequest]; event: GenerateEvent; result: undefined };
  readonly logits: {
    args: readonly [ids: readonly number[], options: Omit<LogitsOptions, 'signal'>];
    event: never;
    result: Float32Array;
  };
  readonly logprobs: { args: readonly [ids: readonly number[]]; event: never; result: Float32Array };
  readonly readKv: { args: readonly [query: KvQuery]; event: never; result: KvPages | undefined };
  readonly writeKv: { args: readonly [pages: KvPages]; event: never; result: boolean };
  readonly encode: {
    args: readonly [text: string, options: { readonly addSpecialTokens?: boolean } | undefined];
    event: never;
    result: number[];
  };
  readonly decode: {
    args: readonly [ids: readonly number[], options: { readonly skipSpecialTokens?: boolean } | undefined];
    event: never;
    result: string;
  };
  readonly stats: { args: readonly []; event: never; result: EngineStats };
  readonly dispose: { args: readonly []; event: never; result: undefined };
}

export type Method = keyof Methods;
export type Args<M extends Method> = Methods[M]['args'];
export type EventOf<M extends Method> = Methods[M]['event'];
export type Result<M extends Method> = Methods[M]['result'];

/** Marks our messages, and the version of this table. */
const PROTOCOL = 'pagemind/1';

/** A call begins, or is of no interest any more. `id` is the caller's. */
export type ToHost =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'cancel'; readonly id: number };

/** What a call brings: any number of events, then a result or an error. */
export type ToClient =
  | { readonly kind: 'event'; readonly id: number; readonly event: unknown }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorData };

/** A message as it travels. */
export function seal<Message extends ToHost | ToClient>(message: Message): Message & { readonly protocol: string } {
  return { protocol: PROTOCOL, ...message };
}

/** The message for a host, or undefined for anything else. */
export function readToHost(data: unknown): ToHost | undefined {
  if (!isOurs(data)) return undefined;
  const isCall = data['kind'] === 'call' && typeof data['method'] === 'string' && Array.isArray(data['args']);
  return isCall || data['kind'] === 'cancel' ? (data as unknown as ToHost) : undefined;
}

/** The message for a client, or undefined for anything else. */
export function readToClient(data: unknown): ToClient | undefined {
  if (!isOurs(data)) return undefined;
  const { kind } = data;
  const isError = kind === 'error' && isRecord(data['error']) && typeof data['error']['message'] === 'string';
  return isError || kind === 'event' || kind === 'result' ? (data as unknown as ToClient) : undefined;
}

/** An error as plain data. */
export function toErrorData(error: unknown): ErrorData {
  if (!(error instanceof PagemindError)) return { code: 'internal', message: String(error) };
  const { code, message, hint } = error;
  return { code, message, ...(hint !== undefined && { hint }) };
}

/** The error that {@link toErrorData} was given. */
export function fromErrorData({ code, message, hint }: ErrorData): PagemindError {
  return new PagemindError(code, message, hint === undefined ? {} : { hint });
}

function isOurs(data: unknown): data is Readonly<Record<string, unknown>> {
  return isRecord(data) && data['protocol'] === PROTOCOL && typeof data['id'] === 'number';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
