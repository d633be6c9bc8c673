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

interface DecoderLayer {
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
    const { hasQkvBias, hasOutputBias, hasMlpBias } = config;
    const withBias = (layer: number, role: LayerRole, biasRole: LayerRole, hasBias: boolean): LinearWeight => ({
      matrix: matrix(weightName.layer(layer, role)),
      bias: hasBias ? vector(weightName.layer(layer, biasRole)) : undefined,
    });
    this.#embedding = { matrix: matrix(weightName.embedding), bias: undefined };
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => ({
      attentionNorm: vector(weightName.layer(layer, 'attentionNorm')),
      qkv: qkvParts(config, weights, layer).map(({ role, start }) => ({
        weight: withBias(layer, role, 'qkvBias', hasQkvBias),
        start,
      })),
      output: withBias(layer, 'output', 'outputBias', hasOutputBias),
      mlpNorm: vector(weightName.layer(layer, 'mlpNorm')),
      gateUp: withBias(layer, 'gateUp', 'gateUpBias', hasMlpBias),
      down: withBias(layer, 'down', 'downBias', hasMlpBias),
    }));
    this.#norm = vector(weightName.finalNorm);
    this.#head = config.isTied ? this.#embedding : { matrix: matrix(weightName.head), bias: undefined };
  }

  /** Token ids of the step's rows → residual stream; appends the rows' keys and values to the cache. */
  forward(ctx: ForwardContext): void {
    const { residual, qkv, attention: heads, mlp } = ctx.buffers;
    const epsilon = this.config.normEpsilon;

    embedding(ctx, this.#embedding.matrix, residual);
    this.#layers.forEach((layer, index) => {
      for (const { weight, start } of layer.qkv) {
        const norm = { gamma: layer.attentionNorm, epsilon };
        linear(ctx, weight, { x: residual, y: qkv, norm, part: { start, width: qkvRows(this.config) } });
      }
      attention(ctx, this.config, index, { qkv, out: heads });
      linear(ctx, layer.output, { x: heads, y: residual, epilogue: 'add' });
      linear(ctx, layer.gateUp, { x: residual, y: mlp, norm: { gamma: layer.mlpNorm, epsilon }, epilogue: 'silu_mul' });
      linear(ctx, layer.down, { x: mlp, y: residual, epilogue: 'add' });
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

function need<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const weight = loaded.get(name);
  invariant(weight, `the weight ${name} was not loaded`);
  return weight;
}
