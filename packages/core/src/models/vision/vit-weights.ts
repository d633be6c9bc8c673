// The weights of a vision transformer, under the names that families give them by renaming (vlm/): a stem, `vision` unless
// the model has a second tower, and then Hugging Face's names of CLIP and SigLIP, which agree.
import { isGated } from '@pagemind/kernels-wgsl';
import {
  type MatrixSpec,
  type VectorSpec,
  type WeightPiece,
  type WeightSpec,
  wholeTensor,
} from '../../load/weights.js';
import { attentionSide, numVisionTokens, patchPixels, type VisionConfig } from './vision-config.js';

/** Names of loaded weights, as {@link vitWeights} and the forward pass spell them. */
export interface VisionNames {
  readonly patches: string;
  readonly patchBias: string;
  readonly positions: string;
  readonly preNorm: string;
  readonly postNorm: string;
  readonly layer: (layer: number, role: VisionRole) => string;
}

export function visionNames(stem: string): VisionNames {
  return {
    patches: `${stem}.patches`,
    patchBias: `${stem}.patchBias`,
    positions: `${stem}.positions`,
    preNorm: `${stem}.preNorm`,
    postNorm: `${stem}.postNorm`,
    layer: (layer, role) => `${stem}.layers.${layer}.${role}`,
  };
}

export type VisionRole = 'norm1' | 'qkv' | 'distances' | 'output' | 'scale1' | 'norm2' | 'up' | 'down' | 'scale2';

/** Stem of the names of the one tower, or of the first. */
export const VISION = 'vision';

/** Vectors that belong to a name: a norm's or a matrix's. */
export function biasName(name: string): string {
  return `${name}.bias`;
}

/** Everything the forward pass reads. Layers behind the used one and heads for other tasks are left out. */
export function vitWeights(config: VisionConfig, stem: string = VISION): readonly WeightSpec[] {
  const names = visionNames(stem);
  const { hiddenSize, hasPatchBias, hasPreNorm, hasPostNorm, numLayers } = config;
  const specs: WeightSpec[] = [
    // The patches are small, and every error made there passes through the whole tower.
    {
      ...matrix(names.patches, hiddenSize, patchPixels(config), [
        wholeTensor(`${stem}.embeddings.patch_embedding.weight`, hiddenSize),
      ]),
      group: 'none',
    },
  ];
  if (config.positions === 'learned') specs.push(learnedPositions(config, stem));
  if (hasPatchBias) {
    const bias = [wholeTensor(`${stem}.embeddings.patch_embedding.bias`, hiddenSize)];
    specs.push(vector(names.patchBias, hiddenSize, bias));
  }
  if (hasPreNorm) specs.push(...norm(config, names.preNorm, `${stem}.pre_layrnorm`));
  if (hasPostNorm) specs.push(...norm(config, names.postNorm, `${stem}.post_layernorm`));
  for (let layer = 0; layer < numLayers; layer++) specs.push(...layerWeights(config, layer, stem));
  return specs;
}

/** The table of positions. The class token is one more row behind it, so that a gather can add it to its position. */
function learnedPositions(config: VisionConfig, stem: string): VectorSpec {
  const name = visionNames(stem).positions;
  const { hiddenSize, hasClassToken, positionsSide } = config;
  const length = (positionsSide === undefined ? numVisionTokens(config) : positionsSide ** 2) * hiddenSize;
  const table = wholeTensor(`${stem}.embeddings.position_embedding.weight`, length);
  if (!hasClassToken) return vector(name, length, [table]);
  const token = wholeTensor(`${stem}.embeddings.class_embedding`, hiddenSize, length);
  return vector(name, length + hiddenSize, [table, token]);
}

function layerWeights(config: VisionConfig, layer: number, tower: string): WeightSpec[] {
  const { hiddenSize, intermediateSize, activation, hasFusedQkv, isQkvByHead, hasLayerScale } = config;
  const names = visionNames(tower);
  const stem = `${tower}.encoder.layers.${layer}`;
  const name = (role: VisionRole): string => names.layer(layer, role);
  const heads = (suffix: string): WeightPiece[] =>
    hasFusedQkv
      ? fusedHeads(`${stem}.self_attn.qkv.${suffix}`, config, isQkvByHead)
      : ['q_proj', 'k_proj', 'v_proj'].map((part, i) =>
          wholeTensor(`${stem}.self_attn.${part}.${suffix}`, hiddenSize, i * hiddenSize),
        );
  const linear = (role: VisionRole, tensor: string, numRows: number, numCols: number): WeightSpec[] => [
    matrix(name(role), numRows, numCols, [wholeTensor(`${stem}.${tensor}.weight`, numRows)]),
    vector(biasName(name(role)), numRows, [wholeTensor(`${stem}.${tensor}.bias`, numRows)]),
  ];
  const scale = (role: VisionRole, tensor: string): WeightSpec[] =>
    hasLayerScale ? [vector(name(role), hiddenSize, [wholeTensor(`${stem}.${tensor}`, hiddenSize)])] : [];
  return [
    ...norm(config, name('norm1'), `${stem}.layer_norm1`),
    matrix(name('qkv'), 3 * hiddenSize, hiddenSize, heads('weight')),
    vector(biasName(name('qkv')), 3 * hiddenSize, config.lacksKeyBias ? queryValueBiases(config, stem) : heads('bias')),
    ...(config.hasRelativePositions ? [distances(config, layer, name('distances'), stem)] : []),
    ...linear('output', 'self_attn.out_proj', hiddenSize, hiddenSize),
    ...scale('scale1', 'lambda_1'),
    ...norm(config, name('norm2'), `${stem}.layer_norm2`),
    ...(isGated(activation) ? gateUp(config, name('up'), stem) : linear('up', 'mlp.fc1', intermediateSize, hiddenSize)),
    ...linear('down', 'mlp.fc2', hiddenSize, intermediateSize),
    ...scale('scale2', 'lambda_2'),
  ];
}

/** A learned row for every distance of lines in the square that a layer attends to, and then of columns. */
function distances(config: VisionConfig, layer: number, name: string, stem: string): WeightSpec {
  const length = (2 * attentionSide(config, layer) - 1) * config.headDim;
  const tables = ['rel_pos_h', 'rel_pos_w'].map((table, i) =>
    wholeTensor(`${stem}.self_attn.${table}`, length, i * length),
  );
  return vector(name, 2 * length, tables);
}

/** Queries, keys and values of one tensor, as all queries, then all keys, then all values. */
function fusedHeads(tensor: string, { hiddenSize, numHeads, headDim }: VisionConfig, isByHead = false): WeightPiece[] {
  if (!isByHead) return [wholeTensor(tensor, 3 * hiddenSize)];
  return Array.from({ length: numHeads }, (_, head) => ({
    ...{ tensor, firstRow: 3 * head * headDim, numRows: 3 * headDim },
    ...{ dst: head * headDim, block: headDim, stride: hiddenSize },
  }));
}

/** Biases of queries and of values; between them stay zeros. */
function queryValueBiases({ hiddenSize }: VisionConfig, stem: string): WeightPiece[] {
  return [
    wholeTensor(`${stem}.self_attn.q_proj.bias`, hiddenSize),
    wholeTensor(`${stem}.self_attn.v_proj.bias`, hiddenSize, 2 * hiddenSize),
  ];
}

/** Gate and up in one matrix, four rows of each in turn, as kernels want them. */
function gateUp({ hiddenSize, intermediateSize }: VisionConfig, name: string, stem: string): WeightSpec[] {
  const numRows = 8 * Math.ceil(intermediateSize / 4);
  const pieces = (suffix: string): WeightPiece[] =>
    ['gate_proj', 'up_proj'].map((part, i) => ({
      ...wholeTensor(`${stem}.mlp.${part}.${suffix}`, intermediateSize, 4 * i),
      block: 4,
      stride: 8,
    }));
  return [matrix(name, numRows, hiddenSize, pieces('weight')), vector(biasName(name), numRows, pieces('bias'))];
}

/** An RMSNorm has no bias. */
function norm({ hiddenSize, norm: type }: VisionConfig, name: string, tensor: string): WeightSpec[] {
  const parts = type === 'rms' ? ['weight'] : ['weight', 'bias'];
  return parts.map((part) =>
    vector(part === 'bias' ? biasName(name) : name, hiddenSize, [wholeTensor(`${tensor}.${part}`, hiddenSize)]),
  );
}

function matrix(name: string, numRows: number, numCols: number, pieces: readonly WeightPiece[]): MatrixSpec {
  return { kind: 'matrix', name, numRows, numCols, pieces, group: 'vision' };
}

function vector(name: string, length: number, pieces: readonly WeightPiece[]): VectorSpec {
  return { kind: 'vector', name, length, pieces };
}
