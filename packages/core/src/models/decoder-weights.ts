// From a family's names and a config to the list of weights to load: what is concatenated, interleaved or regrouped is
// said here once, so that the forward pass sees one matrix per dispatch.
import { learnedLayout } from '@pagemind/kernels-wgsl';
import { invariant } from '../errors.js';
import { type Checkpoint, hasTensor } from '../load/checkpoint.js';
import {
  formatName,
  type MatrixSpec,
  type VectorSpec,
  type WeightPiece,
  type WeightSpec,
  wholeTensor,
} from '../load/weights.js';
import type { DecoderConfig, LoraConfig, LoraPart } from './decoder-config.js';
import { type ExpertRole, expertWeights } from './expert-weights.js';
import type { DecoderNames, Family } from './family.js';
import { gateUpPieces, gateUpRows } from './gate-up.js';

/** Names of loaded weights, as {@link decoderWeights} and the forward pass spell them. */
export const weightName = {
  embedding: 'embedding',
  positions: 'positions',
  finalNorm: 'norm',
  finalNormBias: 'norm.bias',
  head: 'head',
  headNorms: 'head.norms',
  layer: (layer: number, role: LayerRole): string => `layers.${layer}.${role}`,
} as const;

/** The norms of a layer. */
export type NormRole = 'attentionNorm' | 'attentionPostNorm' | 'mlpNorm' | 'mlpPostNorm';

/** What a layer consists of. Without a gate, `gateUp` is up alone. */
export type LayerRole =
  | NormRole
  | `${NormRole}Bias`
  | 'qkv'
  | 'q'
  | 'k'
  | 'v'
  | 'qkvBias'
  | 'learned'
  | 'output'
  | 'outputBias'
  | 'gateUp'
  | 'gateUpBias'
  | 'down'
  | 'downBias'
  | `lora.${LoraPart}.${'a' | 'b'}`
  | ExpertRole;

/** A part of the product that makes queries, keys and values, and the first of its outputs. */
export interface QkvPart {
  readonly role: 'qkv' | 'q' | 'k' | 'v';
  readonly start: number;
}

/** Tokens of the vocabulary that stay in one buffer: those of a tile of the head's product. */
const TABLE_UNIT = 64;

/** Rows of queries, keys and values. */
export function qkvRows({ numHeads, numKvHeads, headDim }: DecoderConfig): number {
  return (numHeads + 2 * numKvHeads) * headDim;
}

/** The parts of a product that is not stored in one way. */
export function splitQkv({ numHeads, numKvHeads, headDim }: DecoderConfig): readonly QkvPart[] {
  const [queries, keys] = [numHeads * headDim, numKvHeads * headDim];
  return [
    { role: 'q', start: 0 },
    { role: 'k', start: queries },
    { role: 'v', start: queries + keys },
  ];
}

/** Weights of a decoder, as they can be had from the tensors of a checkpoint. */
export function decoderWeights(
  { names }: Family,
  config: DecoderConfig,
  stored: Pick<Checkpoint, 'tensors' | 'quantized' | 'packed'>,
): readonly WeightSpec[] {
  const { hiddenSize, vocabSize } = config;
  // A tied model may store its one table under either name.
  const stem = config.isTied && !hasTensor(stored, `${names.embedding}.weight`) ? names.head : names.embedding;
  const table = (name: string, pieces: readonly WeightPiece[]): MatrixSpec => ({
    ...matrix(name, vocabSize, hiddenSize, pieces, 'embedding'),
    unitRows: TABLE_UNIT,
  });
  const specs: WeightSpec[] = [
    table(weightName.embedding, [wholeTensor(`${stem}.weight`, vocabSize)]),
    ...normOf(config, [weightName.finalNorm, weightName.finalNormBias], names.finalNorm, config.logitScale),
  ];
  if (config.hasLearnedPositions) specs.push(positionsOf(config, names));
  if (!config.isTied) {
    const pieces = [wholeTensor(`${names.head}.weight`, vocabSize)];
    specs.push(table(weightName.head, pieces));
    if (config.hasNormHead) {
      specs.push({ ...vector(weightName.headNorms, vocabSize, pieces), inverseNormsOf: hiddenSize });
    }
  }
  for (let layer = 0; layer < config.numLayers; layer++) {
    specs.push(...layerWeights(names, config, layer, stored));
  }
  return specs;
}

/** Whether q, k and v of a layer are quantised in several ways: one matrix would have to give up what they are. */
function isQkvSplit(
  { layer: { qkv } }: DecoderNames,
  layer: number,
  { tensors, packed, quantized }: Pick<Checkpoint, 'tensors' | 'quantized' | 'packed'>,
): boolean {
  if (packed) return packed.weights.has(weightName.layer(layer, 'q'));
  const stems = 'q' in qkv ? [qkv.q, qkv.k, qkv.v] : [];
  const stored = stems.map((stem) => {
    const name = `${stem.replace('{i}', String(layer))}.weight`;
    const options = quantized?.get(name)?.options;
    return options ? formatName(options) : tensors.get(name)?.dtype;
  });
  const isQuantized = (kind: string | undefined): boolean => kind !== undefined && !/^B?F\d\d$/.test(kind);
  return new Set(stored).size > 1 && stored.some(isQuantized);
}

/** Tensors that a tied model may hold twice. */
export function isTiedCopy({ names }: Family, config: DecoderConfig, tensor: string): boolean {
  return config.isTied && tensor === `${names.head}.weight`;
}

function layerWeights(
  names: DecoderNames,
  config: DecoderConfig,
  layer: number,
  stored: Pick<Checkpoint, 'tensors' | 'quantized' | 'packed'>,
): WeightSpec[] {
  const { hiddenSize, intermediateSize, numHeads, headDim, norms, mlpType } = config;
  const stem = (name: string): string => name.replace('{i}', String(layer));
  const name = (role: LayerRole): string => weightName.layer(layer, role);
  const { output, isTransposed = false } = names.layer;
  const qkv = (suffix: string): WeightPiece[] => qkvPieces(names.layer.qkv, config, stem, suffix);
  const whole = (name: string): WeightPiece[] => [wholeTensor(`${name}.weight`, hiddenSize)];
  const fusedRows = mlpType === 'gated' ? gateUpRows(intermediateSize) : intermediateSize;
  const need = (role: 'gate' | 'up' | 'down'): string => stem(needName(names.layer, role));
  const gateUp = (suffix: string): WeightPiece[] =>
    mlpType === 'gated'
      ? gateUpPieces(`${need('gate')}.${suffix}`, `${need('up')}.${suffix}`, intermediateSize)
      : [wholeTensor(`${need('up')}.${suffix}`, intermediateSize)];
  const splitMatrices = splitQkv(config).flatMap(({ role, start }) =>
    qkv('weight')
      .filter(({ dst }) => dst === start)
      .map((piece) => matrix(name(role), piece.numRows, hiddenSize, [{ ...piece, dst: 0 }], 'decoder')),
  );
  const matrices = [
    ...(isQkvSplit(names, layer, stored)
      ? splitMatrices
      : [matrix(name('qkv'), qkvRows(config), hiddenSize, qkv('weight'), 'decoder')]),
    matrix(name('output'), hiddenSize, numHeads * headDim, whole(stem(output)), 'decoder'),
  ];
  if (config.experts && config.layers[layer]?.isSparse) {
    invariant(names.layer.experts, 'a family with this config names its experts');
    matrices.push(...expertWeights(names.layer.experts, stored, config.experts, hiddenSize, name, stem));
  } else {
    matrices.push(matrix(name('gateUp'), fusedRows, hiddenSize, gateUp('weight'), 'decoder'));
    matrices.push(matrix(name('down'), hiddenSize, intermediateSize, whole(need('down')), 'decoder'));
  }
  if (config.lora) matrices.push(...adapters(config, config.lora, names.layer, name, stem));
  const specs: WeightSpec[] = isTransposed ? matrices.map(transposed) : matrices;
  for (const role of normRoles(norms)) {
    specs.push(...normOf(config, [name(role), name(`${role}Bias`)], stem(needName(names.layer, role))));
  }
  if (config.queryKeyNorm) specs.push(learnedOf(config, name('learned'), names.layer, stem));
  if (config.hasQkvBias) specs.push(vector(name('qkvBias'), qkvRows(config), qkv('bias')));
  if (config.hasOutputBias) {
    specs.push(vector(name('outputBias'), hiddenSize, [wholeTensor(`${stem(output)}.bias`, hiddenSize)]));
  }
  if (config.hasMlpBias) {
    specs.push(vector(name('gateUpBias'), fusedRows, gateUp('bias')));
    specs.push(vector(name('downBias'), hiddenSize, [wholeTensor(`${need('down')}.bias`, hiddenSize)]));
  }
  return specs;
}

/** The pairs of matrices beside those of a layer, whose tensors begin with the same names. */
function adapters(
  config: DecoderConfig,
  { rank, parts }: LoraConfig,
  names: DecoderNames['layer'],
  name: (role: LayerRole) => string,
  stem: (name: string) => string,
): MatrixSpec[] {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim } = config;
  invariant('q' in names.qkv && names.up && names.down, 'a family with adapters names what they belong to');
  const shapes: Readonly<Record<LoraPart, readonly [stem: string, numInputs: number, numOutputs: number]>> = {
    q: [names.qkv.q, hiddenSize, numHeads * headDim],
    v: [names.qkv.v, hiddenSize, numKvHeads * headDim],
    up: [names.up, hiddenSize, intermediateSize],
    down: [names.down, intermediateSize, hiddenSize],
  };
  return parts.flatMap((part) => {
    const [product, numInputs, numOutputs] = shapes[part];
    const pieces = (side: 'A' | 'B', numRows: number): WeightPiece[] => [
      wholeTensor(`${stem(product)}.lora_${side}.weight`, numRows),
    ];
    return [
      matrix(name(`lora.${part}.a`), rank, numInputs, pieces('A', rank), 'decoder'),
      matrix(name(`lora.${part}.b`), numOutputs, rank, pieces('B', numOutputs), 'decoder'),
    ];
  });
}

/** The norms that a layer has. */
function normRoles(norms: DecoderConfig['norms']): readonly NormRole[] {
  return {
    before: ['attentionNorm', 'mlpNorm'] as const,
    shared: ['attentionNorm'] as const,
    behind: ['attentionPostNorm', 'mlpPostNorm'] as const,
    around: ['attentionNorm', 'mlpNorm', 'attentionPostNorm', 'mlpPostNorm'] as const,
  }[norms];
}

function needName(
  names: DecoderNames['layer'],
  role: NormRole | 'queryNorm' | 'keyNorm' | 'gate' | 'up' | 'down',
): string {
  const name = names[role];
  invariant(name, `a family with this config names its ${role}`);
  return name;
}

/** The weight of a norm, and the bias if it has one, each times `scale`. */
function normOf(
  { hiddenSize, normOffset, hasNormBias }: DecoderConfig,
  [name, biasName]: readonly [string, string],
  stem: string,
  scale = 1,
): VectorSpec[] {
  const of = (suffix: string): WeightPiece[] => [wholeTensor(`${stem}.${suffix}`, hiddenSize)];
  return [
    { ...vector(name, hiddenSize, of('weight')), offset: normOffset, scale },
    ...(hasNormBias ? [{ ...vector(biasName, hiddenSize, of('bias')), scale }] : []),
  ];
}

function positionsOf({ maxPositions, hiddenSize }: DecoderConfig, { positions }: DecoderNames): MatrixSpec {
  invariant(positions, 'a family with learned positions names them');
  const pieces = [wholeTensor(`${positions}.weight`, maxPositions)];
  return matrix(weightName.positions, maxPositions, hiddenSize, pieces, 'none');
}

function transposed(spec: MatrixSpec): MatrixSpec {
  return { ...spec, pieces: spec.pieces.map((piece) => ({ ...piece, isTransposed: true })) };
}

/** What attention knows beside the projections, as its kernels want it. */
function learnedOf(
  config: DecoderConfig,
  name: string,
  names: DecoderNames['layer'],
  stem: (name: string) => string,
): VectorSpec {
  const { key, sinks, length } = learnedLayout({ ...config, numQueryHeads: config.numHeads }, config);
  const [queryNorm, keyNorm] = [stem(needName(names, 'queryNorm')), stem(needName(names, 'keyNorm'))];
  const pieces = [wholeTensor(`${queryNorm}.weight`, key), wholeTensor(`${keyNorm}.weight`, sinks - key, key)];
  return { ...vector(name, length, pieces), offset: config.normOffset };
}

/** All query heads, then all key heads, then all value heads, whatever the checkpoint's order. */
function qkvPieces(
  names: DecoderNames['layer']['qkv'],
  { numHeads, numKvHeads, headDim }: DecoderConfig,
  stem: (name: string) => string,
  suffix: string,
): WeightPiece[] {
  const [queries, keys] = [numHeads * headDim, numKvHeads * headDim];
  if ('q' in names) {
    return [
      wholeTensor(`${stem(names.q)}.${suffix}`, queries),
      wholeTensor(`${stem(names.k)}.${suffix}`, keys, queries),
      wholeTensor(`${stem(names.v)}.${suffix}`, keys, queries + keys),
    ];
  }
  if ('fused' in names) return [wholeTensor(`${stem(names.fused)}.${suffix}`, queries + 2 * keys)];
  const tensor = `${stem(names.grouped)}.${suffix}`;
  const perGroup = queries / numKvHeads;
  const groupRows = perGroup + 2 * headDim;
  const rows = (firstRow: number, numRows: number, dst: number): WeightPiece => ({
    ...wholeTensor(tensor, numRows, dst),
    firstRow,
  });
  return Array.from({ length: numKvHeads }, (_, group) => [
    rows(group * groupRows, perGroup, group * perGroup),
    rows(group * groupRows + perGroup, headDim, queries + group * headDim),
    rows(group * groupRows + perGroup + headDim, headDim, queries + keys + group * headDim),
  ]).flat();
}

function matrix(
  name: string,
  numRows: number,
  numCols: number,
  pieces: readonly WeightPiece[],
  group: MatrixSpec['group'],
): MatrixSpec {
  return { kind: 'matrix', name, numRows, numCols, pieces, group };
}

function vector(name: string, length: number, pieces: readonly WeightPiece[]): VectorSpec {
  return { kind: 'vector', name, length, pieces };
}
