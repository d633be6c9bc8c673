// Checked access to config.json and its like, which are untrusted. What the keys mean is the families' business.
import { PagemindError } from '../errors.js';

/** Typed, checked access to the untrusted object of config.json. */
export class RawConfig {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #name: string;

  constructor(values: Readonly<Record<string, unknown>>, name?: string) {
    this.#values = values;
    this.#name = name ?? 'config.json';
  }

  get(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  /** A whole number from 1 to `max`. */
  count(key: string, fallback?: number, max = 16777216): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
      throw this.#wrong(key, `a whole number from 1 to ${max}`, value);
    }
    return value;
  }

  /** A whole number from 1 to `max`, or undefined when missing or null. */
  optionalCount(key: string, max?: number): number | undefined {
    return (this.get(key) ?? undefined) === undefined ? undefined : this.count(key, undefined, max);
  }

  /** A whole number from 0 on; 0 when missing or null. */
  countOrZero(key: string): number {
    return (this.get(key) ?? 0) === 0 ? 0 : this.count(key);
  }

  /** A finite number above zero, or undefined when missing or null. */
  optionalPositive(key: string): number | undefined {
    return (this.get(key) ?? undefined) === undefined ? undefined : this.positive(key);
  }

  /** A list of `length` finite numbers, or undefined when missing or null. */
  numbers(key: string, length: number): readonly number[] | undefined {
    return this.#list(key, length, 'numbers', Number.isFinite) as readonly number[] | undefined;
  }

  /** A list of `length` strings, or undefined when missing or null. */
  texts(key: string, length: number): readonly string[] | undefined {
    return this.#list(key, length, 'strings', (item) => typeof item === 'string') as readonly string[] | undefined;
  }

  /** A finite number above zero. */
  positive(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
      throw this.#wrong(key, 'a positive number', value);
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.#wrong(key, 'true or false', value);
    return value;
  }

  /**
   * Holds a flag to the one value that the engine knows; it may be missing.
   * @throws PagemindError `unsupported_model`.
   */
  only(key: string, value: boolean): void {
    if (this.flag(key, value) === value) return;
    throw new PagemindError('unsupported_model', `${this.#name}: models with ${key} ${!value} cannot run here.`, {
      hint: 'See the table of what works in the README.',
    });
  }

  text(key: string, fallback?: string): string {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'string') throw this.#wrong(key, 'a string', value);
    return value;
  }

  /** An object, or undefined when missing or null. */
  object(key: string): RawConfig | undefined {
    const value = this.get(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong(key, 'an object', value);
    return new RawConfig(value as Record<string, unknown>, `${this.#name}: ${key}`);
  }

  /** Token ids: a number, a list of numbers, or nothing. */
  ids(key: string): readonly number[] {
    const value = this.get(key);
    const list = value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
    if (!list.every((id) => Number.isInteger(id) && id >= 0))
      throw this.#wrong(key, 'a token id or a list of them', value);
    return list as number[];
  }

  #list(key: string, length: number, what: string, isGood: (item: unknown) => boolean): readonly unknown[] | undefined {
    const value = this.get(key) ?? undefined;
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length !== length || !value.every(isGood))
      throw this.#wrong(key, `a list of ${length} ${what}`, value);
    return value;
  }

  #wrong(key: string, wanted: string, value: unknown): PagemindError {
    const found = value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 60);
    return new PagemindError('invalid_config', `${this.#name}: ${key} must be ${wanted}, but is ${found}.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  }
}
