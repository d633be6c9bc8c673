// The forward pass of every decoder family, from token ids to logits, read from top to bottom. One call is one dispatch
// on decode (the norms are fused into the matrix products); what differs between families is in DecoderConfig.
// What a layer dispatches is in layers/; which tokens are in the step is decided by the engine.

import { invariant } from '../errors.js';
import { attention } from '../layers/attention.js';
import type { ForwardContext } from '../layers/context.js';
import { embedding } from '../layers/embedding.js';
import { type LinearWeight, linear, type Vector } from '../layers/linear.js';
import type { LoadedMatrix, LoadedWeights } from '../load/weight-loader.js';
import type { DecoderConfig } from './decoder-config.js';
import { type LayerRole, type QkvPart, qkvRows, splitQkv, weightName } from './decoder-weights.js';

/** Weights of one layer. */
export interface DecoderLayer {
  readonly attentionNorm: Vector;
  /** One matrix, or three that are stored in different ways. */
  readonly qkv: readonly { readonly weight: LinearWeight; readonly start: number }[];
  readonly output: LinearWeight;
  readonly mlpNorm: Vector;
  readonly gateUp: LinearWeight;
  readonly down: LinearWeight;
}

export class Decoder {
  readonly config: DecoderConfig;
  readonly #embedding: LinearWeight;
  readonly #layers: readonly DecoderLayer[];
  readonly #norm: Vector;
  readonly #head: LinearWeight;

  constructor(config: DecoderConfig, weights: LoadedWeights) {
    this.config = config;
    const matrix = (name: string): LoadedMatrix => need(weights.matrices, name);
    const vector = (name: string): Vector => need(weights.vectors, name);
    this.#embedding = { matrix: matrix(weightName.embedding), bias: undefined };
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => decoderLayer(config, weights, layer));
    this.#norm = vector(weightName.finalNorm);
    this.#head = config.isTied ? this.#embedding : { matrix: matrix(weightName.head), bias: undefined };
  }

  /** Token ids of the step's rows → residual stream; appends the rows' keys and values to the cache. */
  forward(ctx: ForwardContext): void {
    embedding(ctx, this.#embedding.matrix, ctx.buffers.residual);
    this.#layers.forEach((layer, index) => {
      attentionBlock(ctx, this.config, layer, index);
      mlpBlock(ctx, this.config, layer);
    });
  }

  /** Residual stream of the sampled rows → logits. */
  head(ctx: ForwardContext): void {
    const { residual, logits } = ctx.buffers;
    const norm = { gamma: this.#norm, epsilon: this.config.normEpsilon };
    linear(ctx, this.#head, { x: residual, y: logits, norm, rows: 'sampled' });
  }
}

function qkvParts(config: DecoderConfig, { matrices }: LoadedWeights, layer: number): readonly QkvPart[] {
  return matrices.has(weightName.layer(layer, 'qkv')) ? [{ role: 'qkv', start: 0 }] : splitQkv(config);
}

/** The weights of layer `layer`, of all or of that layer alone. */
export function decoderLayer(config: DecoderConfig, weights: LoadedWeights, layer: number): DecoderLayer {
  const { hasQkvBias, hasOutputBias, hasMlpBias } = config;
  const vector = (role: LayerRole): Vector => need(weights.vectors, weightName.layer(layer, role));
  const linearOf = (role: LayerRole, biasRole: LayerRole, hasBias: boolean): LinearWeight => ({
    matrix: need(weights.matrices, weightName.layer(layer, role)),
    bias: hasBias ? vector(biasRole) : undefined,
  });
  return {
    attentionNorm: vector('attentionNorm'),
    qkv: qkvParts(config, weights, layer).map(({ role, start }) => ({
      weight: linearOf(role, 'qkvBias', hasQkvBias),
      start,
    })),
    output: linearOf('output', 'outputBias', hasOutputBias),
    mlpNorm: vector('mlpNorm'),
    gateUp: linearOf('gateUp', 'gateUpBias', hasMlpBias),
    down: linearOf('down', 'downBias', hasMlpBias),
  };
}

/** The first half of a layer: residual += attention. Appends the rows' keys and values to the cache of layer `index`. */
export function attentionBlock(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer, index: number): void {
  const { residual, qkv, attention: heads } = ctx.buffers;
  const norm = { gamma: layer.attentionNorm, epsilon: config.normEpsilon };
  for (const { weight, start } of layer.qkv) {
    linear(ctx, weight, { x: residual, y: qkv, norm, part: { start, width: qkvRows(config) } });
  }
  attention(ctx, config, index, { qkv, out: heads });
  linear(ctx, layer.output, { x: heads, y: residual, epilogue: 'add' });
}

/** The second half: residual += MLP. */
export function mlpBlock(ctx: ForwardContext, config: DecoderConfig, layer: DecoderLayer): void {
  const { residual, mlp } = ctx.buffers;
  const norm = { gamma: layer.mlpNorm, epsilon: config.normEpsilon };
  linear(ctx, layer.gateUp, { x: residual, y: mlp, norm, epilogue: 'silu_mul' });
  linear(ctx, layer.down, { x: mlp, y: residual, epilogue: 'add' });
}

function need<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const weight = loaded.get(name);
  invariant(weight, `the weight ${name} was not loaded`);
  return weight;
}
