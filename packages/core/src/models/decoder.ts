// The forward pass of every decoder family, from token ids to logits, read from top to bottom. One call is one dispatch
// on decode (the RMSNorms before products are fused into them); what differs between families is in DecoderConfig.
// What a layer dispatches is in layers/; which tokens are in the step is decided by the engine.

import { invariant } from '../errors.js';
import { attention } from '../layers/attention.js';
import type { ForwardContext } from '../layers/context.js';
import { addPositions, embedding, type TablePart } from '../layers/embedding.js';
import { type ExpertStack, type ExpertsWeights, experts } from '../layers/experts.js';
import {
  type LinearPart,
  type LinearWeight,
  type LowRankWeight,
  linear,
  linearOfParts,
  lowRank,
} from '../layers/linear.js';
import { addNormed, type NormWeight } from '../layers/norm.js';
import type { LoadedMatrix, LoadedVector, LoadedWeights } from '../load/weight-loader.js';
import { partsOf } from '../load/weight-parts.js';
import type { DecoderConfig, LoraPart } from './decoder-config.js';
import { type LayerRole, type NormRole, type QkvPart, qkvRows, splitQkv, weightName } from './decoder-weights.js';

/** Weights of an MLP. */
export interface DenseMlp {
  readonly gateUp: LinearWeight;
  readonly down: LinearWeight;
}

/** Weights of one layer. */
export interface DecoderLayer {
  readonly attentionNorm: NormWeight | undefined;
  /** One matrix, or three that are stored in different ways. */
  readonly qkv: readonly LinearPart[];
  readonly learned: LoadedVector | undefined;
  readonly output: LinearWeight;
  readonly attentionPostNorm: NormWeight | undefined;
  readonly mlpNorm: NormWeight | undefined;
  readonly mlp: DenseMlp | ExpertsWeights;
  readonly mlpPostNorm: NormWeight | undefined;
  /** What is added to products. */
  readonly adapters: Readonly<Partial<Record<LoraPart, LowRankWeight>>>;
}

export class Decoder {
  readonly config: DecoderConfig;
  readonly #embedding: readonly TablePart[];
  readonly #positions: LoadedMatrix | undefined;
  readonly #layers: readonly DecoderLayer[];
  readonly #norm: NormWeight;
  readonly #head: readonly LinearPart[];
  readonly #headNorms: LoadedVector | undefined;

  constructor(config: DecoderConfig, weights: LoadedWeights) {
    this.config = config;
    const matrix = (name: string): LoadedMatrix => need(weights.matrices, name);
    const vector = (name: string): LoadedVector => need(weights.vectors, name);
    const table = (name: string): readonly TablePart[] => {
      const parts = partsOf(weights.matrices, name, config.vocabSize);
      invariant(parts.length > 0, `the weight ${name} was not loaded`);
      return parts;
    };
    this.#embedding = table(weightName.embedding);
    this.#positions = config.hasLearnedPositions ? matrix(weightName.positions) : undefined;
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => decoderLayer(config, weights, layer));
    this.#norm = normWeight(config, weights, weightName.finalNorm, weightName.finalNormBias);
    this.#head = (config.isTied ? this.#embedding : table(weightName.head)).map(({ matrix, first }) => ({
      weight: { matrix, bias: undefined },
      start: first,
    }));
    this.#headNorms = config.hasNormHead ? vector(weightName.headNorms) : undefined;
  }

  /** Token ids of the step's rows → residual stream; appends the rows' keys and values to the cache. */
  forward(ctx: ForwardContext): void {
    const { config } = this;
    embedding(ctx, this.#embedding, ctx.buffers.residual, config.embeddingScale);
    if (this.#positions) addPositions(ctx, this.#positions, ctx.buffers.residual);
    this.#layers.forEach((layer, index) => {
      if (config.hasParallelAttention) {
        parallelBlock(ctx, config, layer, index);
      } else {
        attentionBlock(ctx, config, layer, index);
        mlpBlock(ctx, config, layer);
      }
    });
  }

  /** Residual stream of the sampled rows → logits. */
  head(ctx: ForwardContext): void {
    const { residual, logits } = ctx.buffers;
    const { logitSoftcap } = this.config;
    linearOfParts(ctx, this.#head, {
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
  const { hasQkvBias, hasOutputBias, hasMlpBias, norms, queryKeyNorm } = config;
  const vector = (role: LayerRole): LoadedVector => need(weights.vectors, weightName.layer(layer, role));
  const linearOf = (role: LayerRole, biasRole: LayerRole, hasBias: boolean): LinearWeight => ({
    matrix: need(weights.matrices, weightName.layer(layer, role)),
    bias: hasBias ? vector(biasRole) : undefined,
  });
  const norm = (role: NormRole): NormWeight =>
    normWeight(config, weights, weightName.layer(layer, role), weightName.layer(layer, `${role}Bias`));
  const before = (role: NormRole): NormWeight | undefined => (norms === 'behind' ? undefined : norm(role));
  const behind = (role: NormRole): NormWeight | undefined =>
    norms === 'behind' || norms === 'around' ? norm(role) : undefined;
  return {
    attentionNorm: before('attentionNorm'),
    qkv: qkvParts(config, weights, layer).map(({ role, start }) => ({
      weight: linearOf(role, 'qkvBias', hasQkvBias),
      start,
    })),
    learned: queryKeyNorm && vector('learned'),
    output: linearOf('output', 'outputBias', hasOutputBias),
    attentionPostNorm: behind('attentionPostNorm'),
    mlpNorm: before(norms === 'shared' ? 'attentionNorm' : 'mlpNorm'),
    mlp: config.layers[layer]?.isSparse
      ? expertsOf(config, weights, layer)
      : {
          gateUp: linearOf('gateUp', 'gateUpBias', hasMlpBias),
          down: linearOf('down', 'downBias', hasMlpBias),
        },
    mlpPostNorm: behind('mlpPostNorm'),
    adapters: Object.fromEntries(
      (config.lora?.parts ?? []).map((part): [LoraPart, LowRankWeight] => [
        part,
        { a: linearOf(`lora.${part}.a`, 'qkvBias', false), b: linearOf(`lora.${part}.b`, 'qkvBias', false) },
      ]),
    ),
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
  projectHeads(ctx, config, layer);
  addAttention(ctx, config, layer, index);
}

/** The second half: residual += MLP. */
export function mlpBlock(ctx: ForwardContext, config: DecoderConfig, { mlp, ...layer }: DecoderLayer): void {
  if ('router' in mlp) {
    invariant(config.experts && !layer.mlpPostNorm, 'experts end in the residual');
    experts(ctx, config.experts, mlp, `${config.activation}_mul`, layer.mlpNorm);
    return;
  }
  const { up, down } = layer.adapters;
  expand(ctx, config, mlp, layer.mlpNorm, up);
  addToResidual(ctx, mlp.down, ctx.buffers.mlp, layer.mlpPostNorm);
  if (down) lowRank(ctx, down, { x: ctx.buffers.mlp, y: ctx.buffers.residual, epilogue: 'add' });
}

/** A whole layer with `parallel_attn`: both halves take the residual stream before either adds to it. */
function parallelBlock(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer, index: number): void {
  const { mlp } = layer;
  invariant(!('router' in mlp) && !config.lora, 'no family has experts or adapters beside attention');
  projectHeads(ctx, config, layer);
  expand(ctx, config, mlp, layer.mlpNorm);
  addAttention(ctx, config, layer, index);
  addToResidual(ctx, mlp.down, ctx.buffers.mlp, layer.mlpPostNorm);
}

/** qkv = W norm(residual). */
function projectHeads(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer): void {
  const { residual, qkv } = ctx.buffers;
  linearOfParts(ctx, layer.qkv, {
    ...{ x: residual, y: qkv, norm: layer.attentionNorm },
    ...(config.clipQkv !== undefined && { epilogue: 'clip', clip: config.clipQkv }),
  });
  for (const { role, start } of splitQkv(config)) {
    const adapter = role === 'q' || role === 'v' ? layer.adapters[role] : undefined;
    const part = { start, width: qkvRows(config) };
    if (adapter) lowRank(ctx, adapter, { x: residual, y: qkv, norm: layer.attentionNorm, part, epilogue: 'add' });
  }
}

/** residual += W attention(qkv). */
function addAttention(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer, index: number): void {
  const { qkv, attention: heads } = ctx.buffers;
  attention(ctx, config, index, { qkv, out: heads, learned: layer.learned });
  addToResidual(ctx, layer.output, heads, layer.attentionPostNorm);
}

/** mlp = activation(gate) * up, or activation(up); an adapter of up adds to it. */
function expand(
  ctx: ForwardContext,
  { activation, mlpType }: DecoderConfig,
  { gateUp }: DenseMlp,
  norm: NormWeight | undefined,
  adapter?: LowRankWeight,
): void {
  const { residual, mlp } = ctx.buffers;
  if (adapter) {
    invariant(mlpType === 'gated' && activation === 'silu', 'products that begin with what an adapter gives are gated');
    lowRank(ctx, adapter, { x: residual, y: mlp, norm });
    linear(ctx, gateUp, { x: residual, y: mlp, norm, epilogue: 'silu_mul_add' });
    return;
  }
  const epilogue = mlpType === 'gated' ? (`${activation}_mul` as const) : activation;
  linear(ctx, gateUp, { x: residual, y: mlp, norm, epilogue });
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

function normWeight(
  { normType: type, normEpsilon: epsilon, hasNormBias }: DecoderConfig,
  { vectors }: LoadedWeights,
  name: string,
  biasName: string,
): NormWeight {
  return { type, gamma: need(vectors, name), beta: hasNormBias ? need(vectors, biasName) : undefined, epsilon };
}

function need<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const weight = loaded.get(name);
  invariant(weight, `the weight ${name} was not loaded`);
  return weight;
}
