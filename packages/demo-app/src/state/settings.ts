// What a person can set, with ranges and defaults, and how it is read back from storage. Pure: signals and the page's
// storage are preferences.ts.
import type { ConnectOptions, SamplingParams } from '@pagemind/core/client';

/** How text is chosen; `null` is "let the engine decide". */
export interface GenerationSettings extends Omit<SamplingParams, 'seed'> {
  readonly seed: number | null;
  readonly maxTokens: number;
}

/** Weight formats to quantise to while loading. */
export const QUANTIZE_CHOICES = ['none', 'int4-g32', 'int4-g64', 'int4-g128'] as const;
export type QuantizeChoice = (typeof QUANTIZE_CHOICES)[number];

/** How a model is loaded; takes effect with the next load. */
export interface LoadSettings {
  readonly quantize: QuantizeChoice;
  /** `null`: the model's own. */
  readonly sessionLen: number | null;
}

export const LANGUAGE_CHOICES = ['auto', 'en', 'zh'] as const;
export type LanguageChoice = (typeof LANGUAGE_CHOICES)[number];

export interface Settings {
  readonly generation: GenerationSettings;
  readonly load: LoadSettings;
  readonly systemPrompt: string;
  readonly language: LanguageChoice;
  /** Id of the hosted model that was used last. */
  readonly lastModel: string | null;
  /** Address of the hub where models are looked up by name. */
  readonly endpoint: string;
}

/** A number with a slider. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

/** A slider; at `off` it has no effect. */
export interface SliderRange extends Range {
  readonly off?: number;
}

export type SliderKey = Exclude<keyof GenerationSettings, 'seed'>;

export const SLIDERS: Readonly<Record<SliderKey, SliderRange>> = {
  temperature: { min: 0, max: 2, step: 0.05 },
  maxTokens: { min: 16, max: 2048, step: 16 },
  topP: { min: 0, max: 1, step: 0.01, off: 1 },
  topK: { min: 0, max: 200, step: 1, off: 0 },
  minP: { min: 0, max: 1, step: 0.01, off: 0 },
  repetitionPenalty: { min: 1, max: 2, step: 0.01, off: 1 },
  presencePenalty: { min: -2, max: 2, step: 0.1, off: 0 },
  frequencyPenalty: { min: -2, max: 2, step: 0.1, off: 0 },
};

export const SEED_RANGE: Range = { min: 0, max: 0xffffffff, step: 1 };
export const SESSION_RANGE: Range = { min: 64, max: 131_072, step: 1 };
const MAX_SYSTEM_PROMPT = 20_000;

export const DEFAULT_ENDPOINT = 'https://huggingface.co';

export const DEFAULT_SETTINGS: Settings = {
  generation: {
    temperature: 0.7,
    maxTokens: 256,
    topP: 0.95,
    topK: 40,
    minP: 0,
    repetitionPenalty: 1.1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    seed: null,
  },
  load: { quantize: 'none', sessionLen: null },
  systemPrompt: '',
  language: 'auto',
  lastModel: null,
  endpoint: DEFAULT_ENDPOINT,
};

/** Sampling that takes the likeliest word each time, whatever the settings say. */
export const LIKELIEST: Partial<SamplingParams> = {
  temperature: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
};

/** Settings from what storage held, which may be of another version or broken: what does not fit takes its default. */
export function parseSettings(stored: string | null): Settings {
  const { generation, load, systemPrompt, language, lastModel, endpoint } = record(parseJson(stored));
  const base = DEFAULT_SETTINGS;
  const sliders = Object.keys(SLIDERS) as SliderKey[];
  const given = record(generation);
  return {
    generation: {
      ...(Object.fromEntries(
        sliders.map((key) => [key, within(SLIDERS[key], given[key]) ?? base.generation[key]]),
      ) as Record<SliderKey, number>),
      seed: within(SEED_RANGE, given['seed']),
    },
    load: {
      quantize: oneOf(QUANTIZE_CHOICES, record(load)['quantize']) ?? base.load.quantize,
      sessionLen: within(SESSION_RANGE, record(load)['sessionLen']),
    },
    systemPrompt: typeof systemPrompt === 'string' ? systemPrompt.slice(0, MAX_SYSTEM_PROMPT) : base.systemPrompt,
    language: oneOf(LANGUAGE_CHOICES, language) ?? base.language,
    lastModel: typeof lastModel === 'string' ? lastModel : base.lastModel,
    endpoint: addressIn(endpoint) ?? base.endpoint,
  };
}

/** An http(s) address, without a slash at its end; undefined for anything else. */
export function addressIn(value: unknown): string | undefined {
  const isAddress = typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  return isAddress ? value.trim().replace(/\/+$/, '') : undefined;
}

/** The engine's words for the sampling settings. */
export function samplingOf({ seed, maxTokens: _, ...sampling }: GenerationSettings): Partial<SamplingParams> {
  return seed === null ? sampling : { ...sampling, seed };
}

/** The engine's words for the load settings. */
export function engineOptionsOf({ quantize, sessionLen }: LoadSettings): Omit<ConnectOptions, 'model'> {
  return { ...(quantize !== 'none' && { quantize }), ...(sessionLen !== null && { sessionLen }) };
}

/** Clamps to the range; whole numbers where the step is whole. Null for what is no number. */
export function within({ min, max, step }: Range, value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  const whole = Number.isInteger(step) ? Math.round(value) : value;
  return Math.min(max, Math.max(min, whole));
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '{}');
  } catch {
    return {};
  }
}

/** The fields of an object, none of anything else. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The value, if it is one of the choices. */
export function oneOf<T extends string>(choices: readonly T[], value: unknown): T | undefined {
  return choices.find((choice) => choice === value);
}
