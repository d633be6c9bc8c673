// Smoothing changes nothing that a layer computes, however its family stores norms and products.
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../load/checkpoint.js';
import type { MatrixSpec } from '../load/weights.js';
import { decoderWeights, type LayerRole } from '../models/decoder-weights.js';
import { upOutputOf } from '../models/gate-up.js';
import { resolveFamily } from '../models/registry.js';
import { copyTensors, LayerSpecs, type LayerTensor, type LayerTensors } from './layer-tensors.js';
import { smoothLayer } from './smooth-layer.js';

const SIZES = {
  ...{ hidden_size: 48, intermediate_size: 32, num_hidden_layers: 1, head_dim: 12, vocab_size: 64 },
  ...{ model_type: 'test', num_attention_heads: 4, num_key_value_heads: 2 },
};

/** Numbers between 0.5 and 1.5, of either sign. */
function wave(length: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => (((i + seed) * 37) % 101) / 100 + 0.5).map((v, i) => (i % 3 ? v : -v));
}

/** Tensors for all pieces of a layer. */
function tensorsOf({ specs }: LayerSpecs): Map<string, LayerTensor> {
  const tensors = new Map<string, LayerTensor>();
  for (const spec of specs) {
    const numCols = spec.kind === 'matrix' ? spec.numCols : 1;
    for (const { tensor } of spec.pieces) {
      const own = spec.pieces.filter((piece) => piece.tensor === tensor);
      const numRows = Math.max(...own.map(({ firstRow, numRows: count }) => firstRow + count));
      const values = wave(numRows * numCols, tensors.size);
      tensors.set(tensor, { values, numRows, numCols, shape: [numRows, numCols], dtype: 'F32' });
    }
  }
  return tensors;
}

/** Element of the weight that tensors make up. */
function elementOf(layer: LayerSpecs, tensors: LayerTensors, role: LayerRole): (row: number, column: number) => number {
  const spec = layer.find(role);
  const rows = new Map<number, Float32Array>();
  for (const { tensor, firstRow, numRows, dst, block, stride } of spec?.pieces ?? []) {
    const { values, numCols } = tensors.get(tensor) as LayerTensor;
    for (let i = 0; i < numRows; i++) {
      const row = dst + Math.floor(i / block) * stride + (i % block);
      rows.set(row, values.subarray((firstRow + i) * numCols, (firstRow + i + 1) * numCols));
    }
  }
  return (row, column) => rows.get(row)?.[column] ?? 0;
}

describe.each([
  ['llama', 'LlamaForCausalLM', ['qkv', 'gateUp', 'down']],
  ['gemma, which stores w of 1 + w', 'GemmaForCausalLM', ['qkv', 'gateUp', 'down']],
  ['gemma3, which has norms behind, too', 'Gemma3ForCausalLM', ['qkv', 'gateUp', 'down']],
  ['phi3, whose products are stored as one', 'Phi3ForCausalLM', ['qkv', 'gateUp', 'down']],
  ['olmo2, which has no norms before', 'Olmo2ForCausalLM', ['down']],
  ['starcoder2, whose norms have biases and whose MLP has no gate', 'Starcoder2ForCausalLM', ['qkv', 'gateUp']],
])('%s', (_, architecture, roles) => {
  it('computes the same', () => {
    const { family, config } = resolveFamily({ ...SIZES, architectures: [architecture] });
    const stored = { name: 'test', tensors: new Map() } as unknown as Checkpoint;
    const layer = new LayerSpecs(decoderWeights(family, config, stored), 0);
    const before = tensorsOf(layer);
    const after = copyTensors(before);
    const activations = (length: number): Float32Array => wave(length, 7).map(Math.abs);
    const scales = smoothLayer(config, layer, after, {
      groupSize: 16,
      activations: { qkv: activations(48), output: activations(48), gateUp: activations(48), down: activations(32) },
      ratios: { qkv: 0.5, output: 0.5, gateUp: 0.5, down: 0.5 },
    });
    expect([...scales.keys()]).toEqual(roles);
    for (const each of scales.values()) expect(new Set(each).size).toBeGreaterThan(8);

    /** What every input of a product is multiplied by on its way to the outputs, and those of up on through down. */
    const effects = (tensors: LayerTensors): number[] =>
      (['qkv', 'gateUp'] as const).flatMap((role) => {
        const norm = role === 'qkv' ? 'attentionNorm' : 'mlpNorm';
        const [gammas, betas] = [elementOf(layer, tensors, norm), elementOf(layer, tensors, `${norm}Bias`)];
        const [product, down] = [elementOf(layer, tensors, role), elementOf(layer, tensors, 'down')];
        const { numRows, numCols } = layer.find(role) as MatrixSpec;
        return Array.from({ length: numRows * numCols }, (_, i) => {
          const [row, column] = [Math.floor(i / numCols), i % numCols];
          const output = role === 'gateUp' && config.mlpType === 'gated' ? upOutputOf(row) : undefined;
          const gamma = config.norms === 'behind' ? 1 : gammas(column, 0) + config.normOffset;
          const effect = product(row, column) * (output === undefined ? 1 : down(0, output));
          return [effect * gamma, effect * betas(column, 0)];
        }).flat();
      });
    const wanted = effects(before);
    expect(Math.max(...effects(after).map((effect, i) => Math.abs(effect - (wanted[i] ?? 0))))).toBeLessThan(1e-5);
  });
});
