// What went wrong, as plain data for the page. Words for the codes are in the dictionaries.
import { PagemindError, type PagemindErrorCode } from '@pagemind/core/client';

export interface Failure {
  readonly code: PagemindErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** Anything thrown → a failure; what is no PagemindError is `internal`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof PagemindError) {
    return { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

/** It may be a picture that the engine cannot take. */
export function isAboutPictures({ code }: Failure): boolean {
  return ['invalid_image', 'image_too_large', 'unsupported_format', 'source_unreachable'].includes(code);
}

/** The engine is gone: only loading the model again helps. */
export function needsReload({ code }: Failure): boolean {
  return code === 'device_lost' || code === 'disposed' || code === 'gpu_error';
}
