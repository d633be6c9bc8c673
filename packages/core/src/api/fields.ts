// Reads the fields of an untrusted object one by one, with errors that name the field. Which fields there are is
// validate.ts's business.
import { PagemindError } from '../errors.js';

/** Whether a value is an object with keys (not null, not a list). */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every method gives undefined for a field that is missing or null, and throws `invalid_request` for one of another type. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #known = new Set<string>();

  /** @param path where the object lies, for messages, e.g. `stream_options.` */
  constructor(value: unknown, path = '') {
    if (!isRecord(value)) throw invalid(`${path === '' ? 'The request' : path.slice(0, -1)} is not an object.`);
    this.#object = value;
    this.#path = path;
  }

  /** The value of an own field. */
  get(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#object, name) ? (this.#object[name] ?? undefined) : undefined;
  }

  boolean(name: string): boolean | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrong(name, 'true or false');
  }

  string(name: string): string | undefined {
    const value = this.get(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.#wrong(name, 'a string');
  }

  /** A number from `low` to `high`. */
  number(name: string, low: number, high: number): number | undefined {
    const value = this.get(name);
    if (value === undefined || (typeof value === 'number' && isWithin(value, low, high))) return value;
    throw this.#wrong(name, `a number from ${low} to ${high}`);
  }

  /** A whole number from `low` to `high`. */
  integer(
    name: string,
    low: number = Number.MIN_SAFE_INTEGER,
    high: number = Number.MAX_SAFE_INTEGER,
  ): number | undefined {
    const value = this.get(name);
    if (value === undefined || (Number.isSafeInteger(value) && isWithin(value as number, low, high))) {
      return value as number;
    }
    const from = low === Number.MIN_SAFE_INTEGER ? '' : ` from ${low}`;
    throw this.#wrong(name, `a whole number${from}${high === Number.MAX_SAFE_INTEGER ? '' : ` to ${high}`}`);
  }

  /** A list whose items are all what `isItem` says. */
  list<T>(name: string, what: string, isItem: (item: unknown) => item is T): readonly T[] | undefined {
    const value = this.get(name);
    if (value === undefined || (Array.isArray(value) && value.every(isItem))) return value;
    throw this.#wrong(name, `a list of ${what}`);
  }

  object(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.get(name);
    if (value === undefined || isRecord(value)) return value;
    throw this.#wrong(name, 'an object');
  }

  /** A field that exists elsewhere but not here; only `allows` what changes nothing. */
  unsupported(name: string, allows: (value: unknown) => boolean): void {
    const value = this.get(name);
    if (value === undefined || allows(value)) return;
    throw invalid(`${this.#path}${name} is not supported.`, `Leave ${this.#path}${name} out.`);
  }

  /** Call last: a field that nobody asked for is a mistake, most likely a misspelt name. */
  refuseOthers(): void {
    const other = Object.keys(this.#object).find((name) => !this.#known.has(name));
    if (other !== undefined) throw invalid(`${this.#path}${other} is not a known field.`, 'Check its spelling.');
  }

  #wrong(name: string, wanted: string): PagemindError {
    return invalid(`${this.#path}${name} is not ${wanted}.`);
  }
}

/** A text that says something. */
export function isText(item: unknown): item is string {
  return typeof item === 'string' && item !== '';
}

/** What may be the id of a token of some model. */
export function isTokenId(item: unknown): item is number {
  return Number.isSafeInteger(item) && (item as number) >= 0;
}

function isWithin(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

export function invalid(message: string, hint?: string): PagemindError {
  return new PagemindError('invalid_request', message, hint === undefined ? {} : { hint });
}
