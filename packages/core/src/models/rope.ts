// Rotary position tables, computed in f64: every rope_scaling type is a rule for frequencies and an attention factor.
// The kernels only look rows up.
import { PagemindError } from '../errors.js';
import type { RawConfig } from './raw-config.js';

/** How positions turn into angles. */
export interface RopeConfig {
  readonly theta: number;
  /** Rotated elements of a head, even. */
  readonly dims: number;
  readonly scaling: RopeScaling;
  /**
   * Neighbouring elements turn together (GPT-J, ChatGLM2), not those half of `dims` apart. It speaks of heads, and of norms
   * learned for them, in Hugging Face's order, which loading restores where a file has another (`headDim` of a tensor).
   */
  readonly isInterleaved?: boolean;
  /**
   * `mrope_section`: so many pairs turn by the frame, by the line and by the column of what a token stands for. Missing: all
   * turn by one position, as they do for text in any case.
   */
  readonly mropeSection?: readonly number[];
}

export type RopeScaling =
  | { readonly type: 'none' }
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number; readonly originalMaxPositions: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
      readonly truncate: boolean;
    }
  | {
      readonly type: 'longrope';
      /** Divisors of each pair's frequency, `[dims / 2]`. */
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly originalMaxPositions: number;
      readonly attentionFactor: number;
    }
  /** QWen 1: the base grows in powers of two of the trained length. */
  | { readonly type: 'ntk_alpha'; readonly originalMaxPositions: number };

/** `partial_rotary_factor`: elements of a head that turn. */
export function readRotaryDims(raw: RawConfig, headDim: number): number {
  const factor = raw.object('rope_parameters')?.get('partial_rotary_factor') ?? raw.get('partial_rotary_factor') ?? 1;
  return Math.floor(headDim * Number(factor));
}

/**
 * Reads `rope_theta` with `rope_scaling` (transformers 4) or `rope_parameters` (transformers 5).
 * @throws PagemindError `unsupported_model` for a scaling type that is not known.
 */
export function readRope(
  raw: RawConfig,
  dims: number,
  maxPositions: number,
  parameters: RawConfig | undefined = raw.object('rope_parameters') ?? raw.object('rope_scaling'),
): RopeConfig {
  const mropeSection = parameters?.numbers('mrope_section', 3);
  const rope = readScaledRope(raw, dims, maxPositions, parameters);
  if (!mropeSection) return rope;
  if (mropeSection.every((pairs) => Number.isInteger(pairs) && pairs >= 0) && sum(mropeSection) === dims / 2) {
    return { ...rope, mropeSection };
  }
  throw new PagemindError('invalid_config', `config.json: mrope_section [${mropeSection}] is not ${dims / 2} pairs.`, {
    hint: 'Download the checkpoint again, or report it if the original file says so too.',
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function readScaledRope(
  raw: RawConfig,
  dims: number,
  maxPositions: number,
  parameters: RawConfig | undefined,
): RopeConfig {
  const theta = raw.positive('rope_theta', Number(parameters?.get('rope_theta') ?? 10000));
  if (!parameters) return { theta, dims, scaling: { type: 'none' } };
  const type = String(parameters.get('rope_type') ?? parameters.get('type') ?? 'default');
  const originalMaxPositions = (): number =>
    parameters.count(
      'original_max_position_embeddings',
      Number(raw.get('original_max_position_embeddings') ?? maxPositions),
    );
  switch (type) {
    case 'default':
    case 'none':
    case 'mrope':
      return { theta, dims, scaling: { type: 'none' } };
    case 'linear':
      return { theta, dims, scaling: { type, factor: parameters.positive('factor') } };
    case 'dynamic':
      return {
        theta,
        dims,
        scaling: { type, factor: parameters.positive('factor'), originalMaxPositions: maxPositions },
      };
    case 'llama3':
      return {
        theta,
        dims,
        scaling: {
          type,
          factor: parameters.positive('factor'),
          lowFreqFactor: parameters.positive('low_freq_factor', 1),
          highFreqFactor: parameters.positive('high_freq_factor', 4),
          originalMaxPositions: originalMaxPositions(),
        },
      };
    case 'yarn': {
      const factor = parameters.positive('factor');
      return {
        theta,
        dims,
        scaling: {
          type,
          factor,
          betaFast: parameters.positive('beta_fast', 32),
          betaSlow: parameters.positive('beta_slow', 1),
          originalMaxPositions: originalMaxPositions(),
          attentionFactor: yarnAttentionFactor(parameters, factor),
          truncate: parameters.flag('truncate', true),
        },
      };
    }
    case 'longrope':
    case 'su':
      return { theta, dims, scaling: readLongRope(parameters, dims, originalMaxPositions(), maxPositions) };
    default:
      throw new PagemindError('unsupported_model', `rope_scaling type '${type.slice(0, 40)}' is not known.`, {
        hint: 'Known are linear, dynamic, llama3, yarn and longrope.',
      });
  }
}

/** Phi-3: the attention factor holds for short sequences too, the factors by length. */
function readLongRope(
  parameters: RawConfig,
  dims: number,
  originalMaxPositions: number,
  maxPositions: number,
): RopeScaling {
  const factors = (key: string): readonly number[] => {
    const list = parameters.numbers(key, dims / 2);
    if (list?.every((factor) => factor > 0)) return list;
    throw new PagemindError('invalid_config', `config.json: longrope needs a ${key} of ${dims / 2} positive numbers.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  };
  const factor = parameters.optionalPositive('factor') ?? maxPositions / originalMaxPositions;
  const magnitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalMaxPositions));
  return {
    type: 'longrope',
    shortFactors: factors('short_factor'),
    longFactors: factors('long_factor'),
    originalMaxPositions,
    attentionFactor: parameters.optionalPositive('attention_factor') ?? magnitude,
  };
}

function yarnAttentionFactor(parameters: RawConfig, factor: number): number {
  const magnitude = (mscale: number): number => (factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1);
  const given = parameters.get('attention_factor');
  if (typeof given === 'number') return given;
  const [mscale, allDims] = [parameters.get('mscale'), parameters.get('mscale_all_dim')];
  if (typeof mscale === 'number' && typeof allDims === 'number') return magnitude(mscale) / magnitude(allDims);
  return magnitude(1);
}

/** Angle per position of each pair, `[dims / 2]`; `length` is what dynamic scaling depends on. */
export function ropeFrequencies({ theta, dims, scaling }: RopeConfig, length: number): Float64Array {
  const alpha = alphaOf(scaling, length);
  const base = alpha === 1 ? theta : theta * alpha ** (dims / (dims - 2));
  const plain = Float64Array.from({ length: dims / 2 }, (_, i) => base ** ((-2 * i) / dims));
  switch (scaling.type) {
    case 'none':
    case 'dynamic':
    case 'ntk_alpha':
      return plain;
    case 'longrope': {
      const { shortFactors, longFactors, originalMaxPositions } = scaling;
      const factors = length > originalMaxPositions ? longFactors : shortFactors;
      return plain.map((frequency, i) => frequency / (factors[i] ?? 1));
    }
    case 'linear':
      return plain.map((frequency) => frequency / scaling.factor);
    case 'llama3':
      return plain.map((frequency) => {
        const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
        const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
        if (turns < lowFreqFactor) return frequency / factor;
        if (turns > highFreqFactor) return frequency;
        const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
        return ((1 - smooth) * frequency) / factor + smooth * frequency;
      });
    case 'yarn': {
      const { factor, betaFast, betaSlow, originalMaxPositions, truncate } = scaling;
      const dimOf = (turns: number): number =>
        (dims * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const [first, last] = [dimOf(betaFast), dimOf(betaSlow)];
      const low = Math.max(truncate ? Math.floor(first) : first, 0);
      const high = Math.min(truncate ? Math.ceil(last) : last, dims - 1);
      return plain.map((frequency, i) => {
        const ramp = Math.min(Math.max((i - low) / (high === low ? 0.001 : high - low), 0), 1);
        return (frequency / factor) * ramp + frequency * (1 - ramp);
      });
    }
  }
}

/** NTK: the base grows with the length once it passes the trained one. */
function alphaOf(scaling: RopeScaling, length: number): number {
  if (scaling.type === 'dynamic') {
    const { factor, originalMaxPositions } = scaling;
    return Math.max((factor * length) / originalMaxPositions - (factor - 1), 1);
  }
  if (scaling.type === 'ntk_alpha') {
    return Math.max(2 ** Math.ceil(Math.log2(length / scaling.originalMaxPositions) + 1) - 1, 1);
  }
  return 1;
}

/** Longest sequence that turns as every shorter one; Infinity where the length makes no difference. */
export function sharedLength({ scaling }: RopeConfig): number {
  const { type } = scaling;
  const isByLength = type === 'dynamic' || type === 'ntk_alpha' || type === 'longrope';
  return isByLength ? scaling.originalMaxPositions : Number.POSITIVE_INFINITY;
}

/** True when a sequence of this length needs a table of its own. */
export function needsOwnTable(rope: RopeConfig, length: number, hasImages = false): boolean {
  return length > sharedLength(rope) || (hasImages && rope.mropeSection !== undefined);
}

/** True when some sequences do. */
export function hasOwnTables(rope: RopeConfig): boolean {
  return needsOwnTable(rope, Number.MAX_SAFE_INTEGER, true);
}

/** Positions of tokens by frame, line and column, `[3][numTokens]`. */
export type TokenPositions = readonly ArrayLike<number>[];

/**
 * (cos, sin) of every position and pair, `[numPositions, dims / 2, 2]`, scaled by the attention factor.
 * @param positions of tokens 0 to `numPositions`, for {@link RopeConfig.mropeSection}; missing: their numbers
 */
export function ropeTable(
  rope: RopeConfig,
  numPositions: number,
  length: number,
  positions?: TokenPositions,
): Float32Array<ArrayBuffer> {
  const frequencies = ropeFrequencies(rope, length);
  const { scaling } = rope;
  const scale = scaling.type === 'yarn' || scaling.type === 'longrope' ? scaling.attentionFactor : 1;
  const table = new Float32Array(numPositions * rope.dims);
  const axes = (rope.mropeSection ?? []).flatMap((pairs, axis) => Array<number>(pairs).fill(axis));
  let at = 0;
  for (let token = 0; token < numPositions; token++) {
    for (const [pair, frequency] of frequencies.entries()) {
      const angle = (positions?.[axes[pair] ?? 0]?.[token] ?? token) * frequency;
      table[at++] = Math.cos(angle) * scale;
      table[at++] = Math.sin(angle) * scale;
    }
  }
  return table;
}
