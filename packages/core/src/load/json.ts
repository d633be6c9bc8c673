// Reading JSON that nobody vouches for: parsed with a clear error, narrowed by guards. What the keys mean is elsewhere.
import { PagemindError, type PagemindErrorCode } from '../errors.js';

/** Whether a value of untrusted JSON is an object (not null, not an array). */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses the text of a file that must hold a JSON object.
 * @throws PagemindError with `code` when it does not.
 */
export function parseJsonObject(
  text: string,
  path: string,
  code: PagemindErrorCode,
): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PagemindError(code, `${path} is not JSON.`, { hint: `Check ${path}, or download it again.`, cause });
  }
  if (!isRecord(value)) {
    throw new PagemindError(code, `${path} does not hold a JSON object.`, {
      hint: `Check ${path}, or download it again.`,
    });
  }
  return value;
}
