// The forward pass of every decoder family, from token ids to logits, read from top to bottom. One call is one dispatch
// on decode (the norms before products are fused into them); what differs between families is in DecoderConfig.
// What a layer dispatches is in layers/; which tokens are in the step is decided by the engine.

import { invariant } from '../errors.js';
import { attention } from '../layers/attention.js';
import type { ForwardContext } from '../layers/context.js';
import { embedding } from '../layers/embedding.js';
import { type ExpertStack, type ExpertsWeights, experts } from '../layers/experts.js';
import { type LinearWeight, linear } from '../layers/linear.js';
import { addNormed, type NormWeight } from '../layers/norm.js';
import type { LoadedMatrix, LoadedVector, LoadedWeights } from '../load/weight-loader.js';
import { partsOf } from '../load/weight-parts.js';
import type { DecoderConfig } from './decoder-config.js';
import { type LayerRole, type QkvPart, qkvRows, splitQkv, weightName } from './decoder-weights.js';

/** Weights of an MLP. */
export interface DenseMlp {
  readonly gateUp: LinearWeight;
  readonly down: LinearWeight;
}

/** Weights of one layer. */
export interface DecoderLayer {
  readonly attentionNorm: NormWeight | undefined;
  /** One matrix, or three that are stored in different ways. */
  readonly qkv: readonly { readonly weight: LinearWeight; readonly start: number }[];
  readonly learned: LoadedVector | undefined;
  readonly output: LinearWeight;
  readonly attentionPostNorm: NormWeight | undefined;
  readonly mlpNorm: NormWeight | undefined;
  readonly mlp: DenseMlp | ExpertsWeights;
  readonly mlpPostNorm: NormWeight | undefined;
}

export class Decoder {
  readonly config: DecoderConfig;
  readonly #embedding: LinearWeight;
  readonly #layers: readonly DecoderLayer[];
  readonly #norm: NormWeight;
  readonly #head: LinearWeight;
  readonly #headNorms: LoadedVector | undefined;

  constructor(config: DecoderConfig, weights: LoadedWeights) {
    this.config = config;
    const matrix = (name: string): LoadedMatrix => need(weights.matrices, name);
    const vector = (name: string): LoadedVector => need(weights.vectors, name);
    this.#embedding = { matrix: matrix(weightName.embedding), bias: undefined };
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => decoderLayer(config, weights, layer));
    this.#norm = { gamma: vector(weightName.finalNorm), epsilon: config.normEpsilon };
    this.#head = config.isTied ? this.#embedding : { matrix: matrix(weightName.head), bias: undefined };
    this.#headNorms = config.hasNormHead ? vector(weightName.headNorms) : undefined;
  }

  /** Token ids of the step's rows → residual stream; appends the rows' keys and values to the cache. */
  forward(ctx: ForwardContext): void {
    embedding(ctx, this.#embedding.matrix, ctx.buffers.residual, this.config.embeddingScale);
    this.#layers.forEach((layer, index) => {
      attentionBlock(ctx, this.config, layer, index);
      mlpBlock(ctx, this.config, layer);
    });
  }

  /** Residual stream of the sampled rows → logits. */
  head(ctx: ForwardContext): void {
    const { residual, logits } = ctx.buffers;
    const { logitSoftcap } = this.config;
    linear(ctx, this.#head, {
      x: residual,
      y: logits,
      norm: this.#norm,
      rows: 'sampled',
      ...(logitSoftcap !== undefined && { epilogue: 'softcap', softcap: logitSoftcap }),
      ...(this.#headNorms && { epilogue: 'scale_rows', rowScale: this.#headNorms }),
    });
  }
}

/** The weights of layer `layer`, of all or of that layer alone. */
export function decoderLayer(config: DecoderConfig, weights: LoadedWeights, layer: number): DecoderLayer {
  const { hasQkvBias, hasOutputBias, hasMlpBias, norms, normEpsilon: epsilon, queryKeyNorm } = config;
  const vector = (role: LayerRole): LoadedVector => need(weights.vectors, weightName.layer(layer, role));
  const linearOf = (role: LayerRole, biasRole: LayerRole, hasBias: boolean): LinearWeight => ({
    matrix: need(weights.matrices, weightName.layer(layer, role)),
    bias: hasBias ? vector(biasRole) : undefined,
  });
  const before = (role: LayerRole): NormWeight | undefined =>
    norms === 'behind' ? undefined : { gamma: vector(role), epsilon };
  const behind = (role: LayerRole): NormWeight | undefined =>
    norms === 'before' ? undefined : { gamma: vector(role), epsilon };
  return {
    attentionNorm: before('attentionNorm'),
    qkv: qkvParts(config, weights, layer).map(({ role, start }) => ({
      weight: linearOf(role, 'qkvBias', hasQkvBias),
      start,
    })),
    learned: queryKeyNorm && vector('learned'),
    output: linearOf('output', 'outputBias', hasOutputBias),
    attentionPostNorm: behind('attentionPostNorm'),
    mlpNorm: before('mlpNorm'),
    mlp: config.layers[layer]?.isSparse
      ? expertsOf(config, weights, layer)
      : {
          gateUp: linearOf('gateUp', 'gateUpBias', hasMlpBias),
          down: linearOf('down', 'downBias', hasMlpBias),
        },
    mlpPostNorm: behind('mlpPostNorm'),
  };
}

function expertsOf({ experts }: DecoderConfig, { matrices }: LoadedWeights, layer: number): ExpertsWeights {
  invariant(experts, 'sparse layers have experts');
  const { numExperts, sharedIntermediateSize } = experts;
  const linearOf = (role: LayerRole): LinearWeight => ({
    matrix: need(matrices, weightName.layer(layer, role)),
    bias: undefined,
  });
  const stacks = (role: LayerRole): readonly ExpertStack[] =>
    partsOf(matrices, weightName.layer(layer, role), numExperts).map(({ matrix, first, count }) => ({
      matrix,
      firstExpert: first,
      numExperts: count,
    }));
  return {
    router: linearOf('router'),
    gateUp: stacks('experts.gateUp'),
    down: stacks('experts.down'),
    shared:
      sharedIntermediateSize > 0 ? { gateUp: linearOf('shared.gateUp'), down: linearOf('shared.down') } : undefined,
  };
}

function qkvParts(config: DecoderConfig, { matrices }: LoadedWeights, layer: number): readonly QkvPart[] {
  return matrices.has(weightName.layer(layer, 'qkv')) ? [{ role: 'qkv', start: 0 }] : splitQkv(config);
}

/** The first half of a layer: residual += attention. Appends the rows' keys and values to the cache of layer `index`. */
export function attentionBlock(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer, index: number): void {
  const { residual, qkv, attention: heads } = ctx.buffers;
  for (const { weight, start } of layer.qkv) {
    linear(ctx, weight, {
      ...{ x: residual, y: qkv, norm: layer.attentionNorm, part: { start, width: qkvRows(config) } },
      ...(config.clipQkv !== undefined && { epilogue: 'clip', clip: config.clipQkv }),
    });
  }
  attention(ctx, config, index, { qkv, out: heads, learned: layer.learned });
  addToResidual(ctx, layer.output, heads, layer.attentionPostNorm);
}

/** The second half: residual += MLP. */
export function mlpBlock(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer): void {
  const { residual, mlp } = ctx.buffers;
  const epilogue = `${config.activation}_mul` as const;
  if ('router' in layer.mlp) {
    invariant(config.experts && !layer.mlpPostNorm, 'experts end in the residual');
    experts(ctx, config.experts, layer.mlp, epilogue, layer.mlpNorm);
    return;
  }
  linear(ctx, layer.mlp.gateUp, { x: residual, y: mlp, norm: layer.mlpNorm, epilogue });
  addToResidual(ctx, layer.mlp.down, mlp, layer.mlpPostNorm);
}

/** residual += W x, or, with a norm behind the product, residual += norm(W x). */
function addToResidual(ctx: ForwardContext, weight: LinearWeight, x: GPUBuffer, norm: NormWeight | undefined): void {
  const { residual, normed } = ctx.buffers;
  if (norm) {
    linear(ctx, weight, { x, y: normed });
    addNormed(ctx, norm, { x: normed, y: residual });
  } else {
    linear(ctx, weight, { x, y: residual, epilogue: 'add' });
  }
}

function need<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const weight = loaded.get(name);
  invariant(weight, `the weight ${name} was not loaded`);
  return weight;
}
