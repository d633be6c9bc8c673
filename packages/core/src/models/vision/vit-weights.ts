// The weights of a vision transformer, under the names that families give them by renaming (vlm/): `vision.` and then
// Hugging Face's names of CLIP and SigLIP, which agree.
import {
  type MatrixSpec,
  type VectorSpec,
  type WeightPiece,
  type WeightSpec,
  wholeTensor,
} from '../../load/weights.js';
import { numVisionTokens, patchPixels, type VisionConfig } from './vision-config.js';

/** Names of loaded weights, as {@link vitWeights} and the forward pass spell them. */
export const visionName = {
  patches: 'vision.patches',
  patchBias: 'vision.patchBias',
  positions: 'vision.positions',
  preNorm: 'vision.preNorm',
  postNorm: 'vision.postNorm',
  layer: (layer: number, role: VisionRole): string => `vision.layers.${layer}.${role}`,
} as const;

export type VisionRole = 'norm1' | 'qkv' | 'output' | 'norm2' | 'up' | 'down';

/** Vectors that belong to a name: a norm's or a matrix's. */
export function biasName(name: string): string {
  return `${name}.bias`;
}

/** Everything the forward pass reads. Layers behind the used one and heads for other tasks are left out. */
export function vitWeights(config: VisionConfig): readonly WeightSpec[] {
  const { hiddenSize, hasClassToken, hasPatchBias, hasPreNorm, hasPostNorm, numLayers } = config;
  const numPositions = numVisionTokens(config) * hiddenSize;
  const position = wholeTensor('vision.embeddings.position_embedding.weight', numPositions);
  const specs: WeightSpec[] = [
    // The patches are small, and every error made there passes through the whole tower.
    {
      ...matrix(visionName.patches, hiddenSize, patchPixels(config), [
        wholeTensor('vision.embeddings.patch_embedding.weight', hiddenSize),
      ]),
      group: 'none',
    },
    // The class token is one more row behind the table, so that a gather can add it to its position.
    hasClassToken
      ? vector(visionName.positions, numPositions + hiddenSize, [
          position,
          wholeTensor('vision.embeddings.class_embedding', hiddenSize, numPositions),
        ])
      : vector(visionName.positions, numPositions, [position]),
  ];
  if (hasPatchBias) {
    const bias = [wholeTensor('vision.embeddings.patch_embedding.bias', hiddenSize)];
    specs.push(vector(visionName.patchBias, hiddenSize, bias));
  }
  if (hasPreNorm) specs.push(...norm(visionName.preNorm, 'vision.pre_layrnorm', hiddenSize));
  if (hasPostNorm) specs.push(...norm(visionName.postNorm, 'vision.post_layernorm', hiddenSize));
  for (let layer = 0; layer < numLayers; layer++) specs.push(...layerWeights(config, layer));
  return specs;
}

function layerWeights({ hiddenSize, intermediateSize }: VisionConfig, layer: number): WeightSpec[] {
  const stem = `vision.encoder.layers.${layer}`;
  const name = (role: VisionRole): string => visionName.layer(layer, role);
  const heads = (suffix: string): WeightPiece[] =>
    ['q_proj', 'k_proj', 'v_proj'].map((part, i) =>
      wholeTensor(`${stem}.self_attn.${part}.${suffix}`, hiddenSize, i * hiddenSize),
    );
  const linear = (role: VisionRole, tensor: string, numRows: number, numCols: number): WeightSpec[] => [
    matrix(name(role), numRows, numCols, [wholeTensor(`${stem}.${tensor}.weight`, numRows)]),
    vector(biasName(name(role)), numRows, [wholeTensor(`${stem}.${tensor}.bias`, numRows)]),
  ];
  return [
    ...norm(name('norm1'), `${stem}.layer_norm1`, hiddenSize),
    matrix(name('qkv'), 3 * hiddenSize, hiddenSize, heads('weight')),
    vector(biasName(name('qkv')), 3 * hiddenSize, heads('bias')),
    ...linear('output', 'self_attn.out_proj', hiddenSize, hiddenSize),
    ...norm(name('norm2'), `${stem}.layer_norm2`, hiddenSize),
    ...linear('up', 'mlp.fc1', intermediateSize, hiddenSize),
    ...linear('down', 'mlp.fc2', hiddenSize, intermediateSize),
  ];
}

function norm(name: string, tensor: string, length: number): WeightSpec[] {
  return [
    vector(name, length, [wholeTensor(`${tensor}.weight`, length)]),
    vector(biasName(name), length, [wholeTensor(`${tensor}.bias`, length)]),
  ];
}

function matrix(name: string, numRows: number, numCols: number, pieces: readonly WeightPiece[]): MatrixSpec {
  return { kind: 'matrix', name, numRows, numCols, pieces, group: 'vision' };
}

function vector(name: string, length: number, pieces: readonly WeightPiece[]): VectorSpec {
  return { kind: 'vector', name, length, pieces };
}
