// Parity of embed for every weight format: whole and split tables, sampled and impossible tokens, pictures, positions.
import { declaredWeightOptions, weightSlot } from '@pagemind/quant';
import { describeParity } from '../../testing/parity.js';
import { fitColumns, makeWeights } from '../../testing/weights.js';
import { FROM_STATE, IMAGE_ROW } from '../lib/row.js';
import { type EmbedShape, embed } from './embed.js';
import { embedReference } from './embed.reference.js';

const tables: readonly Omit<EmbedShape, 'weights'>[] = [
  { numRows: 6, width: 48, vocab: 11 },
  { numRows: 5, width: 32, vocab: 9, scale: 5.65625 },
  { numRows: 4, width: 300, vocab: 6 },
  { numRows: 6, width: 129, vocab: 20, firstToken: 4, numTokens: 9 },
];

/** Rows have the positions 0, 1, ..., of which the table lacks the last. */
const positions: typeof tables = [{ numRows: 6, width: 48, vocab: 5, scale: 2, by: 'position' }];

describeParity<EmbedShape>({
  kernel: embed,
  shapes: declaredWeightOptions.flatMap((weights) =>
    [...tables, ...positions].map((table) => ({ ...table, width: fitColumns(weights, table.width), weights })),
  ),
  accepts: (variant, { weights, by }) => variant.id === `${weightSlot(weights).id}${by ? `-${by}` : ''}`,
  makeCase(shape, _variant, random) {
    const { numRows, width, vocab, firstToken = 0, numTokens = vocab - firstToken, weights } = shape;
    const { planes, values: table } = makeWeights(weights, numTokens, width, random);
    // Row 0 takes the token last sampled for slot 1, row 1 names a token that does not exist, row 2 is a picture's.
    const slotState = Uint32Array.from([0, 0, 0, 0, vocab - 1, 0, 0, 0]);
    const rows = new Uint32Array(numRows * 4);
    for (let row = 0; row < numRows; row++) rows.set([row % 2, row, random.int(vocab), row], row * 4);
    rows.set([1, 0, FROM_STATE, 0, 0, 1, vocab + 3, 0, 0, 2, IMAGE_ROW], 0);
    const residual = random.normals(numRows * Math.ceil(width / 32) * 32);
    return {
      shape,
      buffers: { ...planes, rows, slot_state: slotState, residual },
      expected: { residual: embedReference(shape, table, rows, slotState, residual) },
    };
  },
  tolerance: () => 1e-6,
});
