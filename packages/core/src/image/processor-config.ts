// Checked access to preprocessor_config.json, which is untrusted, over the defaults of a processor's type. What the keys
// make of an image is the processors' business.
import { PagemindError } from '../errors.js';
import type { Rgb } from './arrange.js';
import type { LevelTable } from './processed-image.js';
import type { ResampleFilter } from './resample.js';

/** Settings by their Hugging Face names. */
export type Settings = Readonly<Record<string, unknown>>;

/** Either both sides, or the shorter one. */
export type TargetSize = { readonly width: number; readonly height: number } | { readonly shortestEdge: number };

/** More than any model takes. */
export const MAX_TILES = 64;

const MAX_SIDE = 8192;

/** Pillow's numbers for its filters, which configurations carry. */
const FILTERS: readonly ResampleFilter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box'];

export class ProcessorConfig {
  readonly #settings: Settings;
  readonly #defaults: Settings;
  readonly #name: string;

  constructor(settings: Settings, defaults: Settings, name = 'preprocessor_config.json') {
    this.#settings = settings;
    this.#defaults = defaults;
    this.#name = name;
  }

  /** The setting, or the default where it is missing or null. */
  get(key: string): unknown {
    const value = Object.hasOwn(this.#settings, key) ? this.#settings[key] : undefined;
    return value ?? this.#defaults[key];
  }

  /** Unlike everywhere else, null is a value here: it means no. */
  flag(key: string): boolean {
    const value = this.#settings[key] === null ? false : (this.get(key) ?? false);
    if (typeof value !== 'boolean') throw this.wrong(key, 'true or false');
    return value;
  }

  /** A whole number from 1 to `max`. */
  count(key: string, max: number): number {
    return this.#checkCount(key, this.get(key), max);
  }

  /** One setting of an object of sizes, or a bare number in its place: `{ longest_edge: 364 }`. */
  edge(key: string, edge: string, max: number = MAX_SIDE): number {
    const value = this.get(key);
    return this.#checkCount(key, isRecord(value) ? value[edge] : value, max);
  }

  /** A bare number is the shorter edge. */
  size(key: string): TargetSize {
    const value = this.get(key);
    if (!isRecord(value)) return { shortestEdge: this.#checkCount(key, value, MAX_SIDE) };
    const { shortest_edge: shortestEdge, longest_edge: longestEdge } = value;
    if ((shortestEdge ?? undefined) === undefined) return this.fixedSize(key);
    if ((longestEdge ?? undefined) !== undefined) throw this.wrong(key, 'a shortest_edge without a longest_edge');
    return { shortestEdge: this.#checkCount(key, shortestEdge, MAX_SIDE) };
  }

  /** Both sides; a bare number is a square. */
  fixedSize(key: string): { readonly width: number; readonly height: number } {
    const value = this.get(key);
    const { width, height } = isRecord(value) ? value : { width: value, height: value };
    return { width: this.#checkCount(key, width, MAX_SIDE), height: this.#checkCount(key, height, MAX_SIDE) };
  }

  filter(): ResampleFilter {
    const code = this.get('resample');
    const filter = typeof code === 'number' ? FILTERS[code] : undefined;
    if (filter === undefined) throw this.wrong('resample', `a number from 0 to ${FILTERS.length - 1}`);
    return filter;
  }

  /** A number for each channel, or one for all. */
  channels(key: string): Rgb {
    const value = this.get(key);
    const [red, green, blue, ...more] = Array.isArray(value) ? value : [value, value, value];
    if (![red, green, blue].every((channel) => Number.isFinite(channel)) || more.length > 0) {
      throw this.wrong(key, 'three numbers');
    }
    return [red, green, blue];
  }

  /** The mean as a colour, for borders that shall say nothing. */
  background(): Rgb {
    const [red, green, blue] = this.channels('image_mean');
    const level = (mean: number): number => Math.min(255, Math.max(0, Math.trunc(mean * 255)));
    return [level(red), level(green), level(blue)];
  }

  /** Rescaling and normalising, done once for every level, rounded to 32 bits after each step as NumPy does. */
  levels(): LevelTable {
    const factor = this.flag('do_rescale') ? this.get('rescale_factor') : 1;
    if (typeof factor !== 'number' || !Number.isFinite(factor) || factor === 0) {
      throw this.wrong('rescale_factor', 'a number other than 0');
    }
    const normalizes = this.flag('do_normalize');
    const mean = normalizes ? this.channels('image_mean') : [0, 0, 0];
    const std = normalizes ? this.channels('image_std') : [1, 1, 1];
    if (std.some((deviation) => Math.fround(deviation) === 0)) throw this.wrong('image_std', 'numbers other than 0');
    return Float32Array.from({ length: 3 * 256 }, (_, i) => {
      const scaled = Math.fround((i & 255) * factor);
      return Math.fround(scaled - Math.fround(mean[i >> 8] as number)) / Math.fround(std[i >> 8] as number);
    });
  }

  /** Refuses what the processor cannot do without. */
  needs(key: string): void {
    if (!this.flag(key)) throw this.wrong(key, 'true');
  }

  wrong(key: string, wanted: string): PagemindError {
    const value = this.get(key);
    const found = value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 60);
    return new PagemindError('invalid_config', `${this.#name}: ${key} must be ${wanted}, but is ${found}.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  }

  #checkCount(key: string, value: unknown, max: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
      throw this.wrong(key, `made of whole numbers from 1 to ${max}`);
    }
    return value;
  }
}

function isRecord(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
