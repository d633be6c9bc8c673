// Reading JSON that nobody vouches for: parse, and narrow unknown values. No knowledge of any particular file.
import { PagemindError, type PagemindErrorCode } from '../errors.js';

/** A JSON object; its own keys may carry any name, `__proto__` among them. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object, false for arrays and null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of an own key, so that nothing is ever read from `Object.prototype`. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Parses the text of a file that must hold a JSON object.
 * @param file Its name, for the message.
 * @throws PagemindError with `code`.
 */
export function parseJsonObject(text: string, file: string, code: PagemindErrorCode): JsonObject {
  const hint = `Download ${file} again; it may be cut short, or be a web page or a Git LFS pointer in its place.`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PagemindError(code, `${file} is not valid JSON.`, { cause, hint });
  }
  if (!isJsonObject(value)) throw new PagemindError(code, `${file} does not hold a JSON object.`, { hint });
  return value;
}
