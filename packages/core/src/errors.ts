// The one error class of the library, its stable codes, and the assertion for broken invariants.

/** Stable codes; a caller may switch on them. */
export type PagemindErrorCode =
  | 'webgpu_unavailable'
  | 'device_lost'
  | 'out_of_memory'
  | 'gpu_error'
  | 'source_unreachable'
  | 'model_not_found'
  | 'file_missing'
  | 'file_malformed'
  | 'checksum_mismatch'
  | 'tensor_missing'
  | 'tensor_unexpected'
  | 'tensor_mismatch'
  | 'unsupported_model'
  | 'unsupported_format'
  | 'invalid_config'
  | 'invalid_tokenizer'
  | 'invalid_template'
  | 'invalid_option'
  | 'invalid_request'
  | 'invalid_image'
  | 'image_too_large'
  | 'context_too_long'
  | 'out_of_kv'
  | 'queue_full'
  | 'storage_full'
  | 'storage_unavailable'
  | 'aborted'
  | 'disposed'
  | 'internal';

/** What {@link PagemindError} carries besides the message. */
export interface PagemindErrorDetails {
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A user mistake or a fault of the environment. The message is one clear sentence; `code` is stable. */
export class PagemindError extends Error {
  override readonly name = 'PagemindError';
  readonly code: PagemindErrorCode;
  readonly hint: string | undefined;

  constructor(code: PagemindErrorCode, message: string, details: PagemindErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
  }
}

/** Throws when our own reasoning is broken; never for input of any kind. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new PagemindError('internal', `invariant broken: ${message}`);
}

/** Throws `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new PagemindError('aborted', 'The operation was aborted.', { cause: signal.reason });
}
