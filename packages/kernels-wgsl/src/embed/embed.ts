// Embedding: rows of a table, by token or by position, become the residual stream. Images are not its business.
import { declaredWeightOptions, type WeightFormatOptions, weightSlot } from '@pagemind/quant';
import { defineKernel, type Kernel, type Variant } from '../kernel.js';
import source from './embed.wgsl';

/** A gather from an embedding table. */
export interface EmbedShape {
  readonly numRows: number;
  /** Columns of the table: the hidden size. */
  readonly width: number;
  /** Tokens, or positions, of the whole table. */
  readonly vocab: number;
  /** The part of the table that is bound; by default all of it. */
  readonly firstToken?: number;
  readonly numTokens?: number;
  /** Factor on every element; 1 by default. */
  readonly scale?: number;
  readonly weights: WeightFormatOptions;
  /** `position`: the table has learned positions, which are added to the residual; `token` by default. */
  readonly by?: 'token' | 'position';
}

function variantOf({ weights, by = 'token' }: Pick<EmbedShape, 'weights' | 'by'>): Variant {
  const { id, wgsl, knobs, flags, slotBindings } = weightSlot(weights);
  return {
    id: by === 'token' ? id : `${id}-${by}`,
    knobs: { ...knobs, LANES: 64 },
    flags: { ...flags, tokens: by === 'token' },
    slots: { weights: wgsl },
    requires: [],
    slotBindings,
  };
}

/** Tables of positions are never quantised. */
const positionWeights = declaredWeightOptions.filter(({ format }) => ['f32', 'f16', 'bf16'].includes(format));

/**
 * `residual[row] = table[token of row] * scale`, zero in pad columns; residual `[numRows, width rounded up to 32]` f32.
 * Rows of a IMAGE_ROW stay as they are, FROM_STATE means the last token sampled for the row's slot, and other tokens
 * outside the vocabulary become 0. By position: `residual[row] += table[position of row] * scale`, if the table has it.
 */
export const embed: Kernel<EmbedShape> = defineKernel({
  name: 'embed',
  source,
  bindings: [
    { name: 'rows', index: 3, access: 'read' },
    { name: 'slot_state', index: 4, access: 'read', flag: 'tokens' },
    { name: 'residual', index: 5, access: 'read_write' },
  ],
  constants: ['FIRST_TOKEN', 'NUM_TOKENS', 'VOCAB', 'EMBED_SCALE'],
  variants: [
    ...declaredWeightOptions.map((weights) => variantOf({ weights })),
    ...positionWeights.map((weights) => variantOf({ weights, by: 'position' })),
  ],
  pick: (shape: EmbedShape): Variant => variantOf(shape),
  constantsOf: ({ width, vocab, firstToken = 0, numTokens = vocab - firstToken, scale = 1 }) => ({
    COLS: width,
    FIRST_TOKEN: firstToken,
    NUM_TOKENS: numTokens,
    VOCAB: vocab,
    EMBED_SCALE: scale,
  }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
