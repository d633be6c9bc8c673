// How the attention of families differs from the plain one, as numbers of a shape, and the override values that follow.
// Twin of head.wgsl and score.wgsl. What is left out costs nothing: its branches are gone when the pipeline is made.

/** RMSNorm of q and k before the turn: over each head (Qwen3), or over all heads of q and over all of k (OLMo-2). */
export type QueryKeyNorm = 'head' | 'width';

/** What becomes of a head of q or k before attention. */
export interface HeadTraits {
  /** Elements of a head that turn: even, at most `headDim`; 0 for none. */
  readonly rotaryDim: number;
  /** Neighbouring elements turn together, as in GPT-J, instead of elements `rotaryDim / 2` apart. */
  readonly isInterleaved?: boolean | undefined;
  /** Its gammas are in `learned`. */
  readonly queryKeyNorm?: QueryKeyNorm | undefined;
  /** Added to the mean square of {@link queryKeyNorm}. */
  readonly normEpsilon?: number | undefined;
  /** logn: from this many tokens on, q of the n-th token is multiplied by ln(n) / ln(lognLength). */
  readonly lognLength?: number | undefined;
}

/** What becomes of the scores of attention. */
export interface ScoreTraits {
  /** What q is multiplied by, usually `1 / sqrt(headDim)`. */
  readonly scale: number;
  /** Sliding window: a token sees itself and the `window - 1` before it. */
  readonly window?: number | undefined;
  /** Scores s become `softcap * tanh(s / softcap)`. */
  readonly softcap?: number | undefined;
  /** ALiBi: scores get `alibi * slope(head) * (key's position - query's)`. */
  readonly alibi?: number | undefined;
  /** Every query head has a logit that takes part in its softmax without a value; they are in `learned`. */
  readonly hasSinks?: boolean | undefined;
}

/** The sizes that the traits refer to. */
export interface HeadCounts {
  readonly headDim: number;
  readonly numQueryHeads: number;
  readonly numKvHeads: number;
}

/** `learned` f32, if there is anything to learn: gammas of q, gammas of k, sinks. First element of each, and the length. */
export function learnedLayout(
  { headDim, numQueryHeads, numKvHeads }: HeadCounts,
  { queryKeyNorm, hasSinks = false }: Pick<HeadTraits, 'queryKeyNorm'> & Pick<ScoreTraits, 'hasSinks'>,
): { readonly key: number; readonly sinks: number; readonly length: number } {
  const norms = { none: [0, 0], head: [1, 1], width: [numQueryHeads, numKvHeads] } as const;
  const [queryHeads, keyHeads] = norms[queryKeyNorm ?? 'none'];
  const sinks = (queryHeads + keyHeads) * headDim;
  return { key: queryHeads * headDim, sinks, length: sinks + (hasSinks ? numQueryHeads : 0) };
}

const NONE = 0xffffffff;

/** Values of the overrides of head.wgsl. */
export function headConstants(traits: HeadTraits): Readonly<Record<string, number>> {
  const { rotaryDim, isInterleaved = false, queryKeyNorm, normEpsilon = 0, lognLength } = traits;
  return {
    ROT: rotaryDim,
    INTERLEAVED: isInterleaved ? 1 : 0,
    NORM: { none: 0, head: 1, width: 2 }[queryKeyNorm ?? 'none'],
    NORM_EPSILON: normEpsilon,
    LOGN: lognLength === undefined ? 0 : 1 / Math.log(lognLength),
  };
}

/** Values of the overrides of score.wgsl. */
export function scoreConstants(
  shape: ScoreTraits & HeadCounts & Pick<HeadTraits, 'queryKeyNorm'>,
): Readonly<Record<string, number>> {
  return {
    WINDOW: shape.window ?? NONE,
    SOFTCAP: shape.softcap ?? 0,
    ALIBI: shape.alibi ?? 0,
    SINKS: shape.hasSinks ? learnedLayout(shape, shape).sinks : NONE,
  };
}
