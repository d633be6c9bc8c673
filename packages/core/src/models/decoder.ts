// The forward pass of every decoder family, from token ids to logits, read from top to bottom. One call is one dispatch
// on decode (the norms before products are fused into them); what differs between families is in DecoderConfig.
// What a layer dispatches is in layers/; which tokens are in the step is decided by the engine.

import { invariant } from '../errors.js';
import { attention } from '../layers/attention.js';
import type { ForwardContext } from '../layers/context.js';
import { embedding } from '../layers/embedding.js';
import { type LinearWeight, linear } from '../layers/linear.js';
import { addNormed, type NormWeight } from '../layers/norm.js';
import type { LoadedMatrix, LoadedVector, LoadedWeights } from '../load/weight-loader.js';
import type { DecoderConfig } from './decoder-config.js';
import { type LayerRole, type QkvPart, qkvRows, splitQkv, weightName } from './decoder-weights.js';

interface DecoderLayer {
  readonly attentionNorm: NormWeight | undefined;
  /** One matrix, or three that are stored in different ways. */
  readonly qkv: readonly { readonly weight: LinearWeight; readonly start: number }[];
  readonly learned: LoadedVector | undefined;
  readonly output: LinearWeight;
  readonly attentionPostNorm: NormWeight | undefined;
  readonly mlpNorm: NormWeight | undefined;
  readonly gateUp: LinearWeight;
  readonly down: LinearWeight;
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
    const { hasQkvBias, hasOutputBias, hasMlpBias, norms, normEpsilon: epsilon } = config;
    const withBias = (layer: number, role: LayerRole, biasRole: LayerRole, hasBias: boolean): LinearWeight => ({
      matrix: matrix(weightName.layer(layer, role)),
      bias: hasBias ? vector(weightName.layer(layer, biasRole)) : undefined,
    });
    const norm = (layer: number, role: LayerRole, isThere: boolean): NormWeight | undefined =>
      isThere ? { gamma: vector(weightName.layer(layer, role)), epsilon } : undefined;
    const [isBefore, isBehind] = [norms !== 'behind', norms !== 'before'];
    this.#embedding = { matrix: matrix(weightName.embedding), bias: undefined };
    this.#layers = Array.from({ length: config.numLayers }, (_, layer) => ({
      attentionNorm: norm(layer, 'attentionNorm', isBefore),
      qkv: qkvParts(config, weights, layer).map(({ role, start }) => ({
        weight: withBias(layer, role, 'qkvBias', hasQkvBias),
        start,
      })),
      learned: config.queryKeyNorm && vector(weightName.layer(layer, 'learned')),
      output: withBias(layer, 'output', 'outputBias', hasOutputBias),
      attentionPostNorm: norm(layer, 'attentionPostNorm', isBehind),
      mlpNorm: norm(layer, 'mlpNorm', isBefore),
      gateUp: withBias(layer, 'gateUp', 'gateUpBias', hasMlpBias),
      down: withBias(layer, 'down', 'downBias', hasMlpBias),
      mlpPostNorm: norm(layer, 'mlpPostNorm', isBehind),
    }));
    this.#norm = { gamma: vector(weightName.finalNorm), epsilon };
    this.#head = config.isTied ? this.#embedding : { matrix: matrix(weightName.head), bias: undefined };
    this.#headNorms = config.hasNormHead ? vector(weightName.headNorms) : undefined;
  }

  /** Token ids of the step's rows → residual stream; appends the rows' keys and values to the cache. */
  forward(ctx: ForwardContext): void {
    const { residual, qkv, attention: heads, mlp } = ctx.buffers;
    const { embeddingScale, activation } = this.config;

    embedding(ctx, this.#embedding.matrix, residual, embeddingScale);
    this.#layers.forEach((layer, index) => {
      for (const { weight, start } of layer.qkv) {
        const part = { start, width: qkvRows(this.config) };
        linear(ctx, weight, { x: residual, y: qkv, norm: layer.attentionNorm, part });
      }
      attention(ctx, this.config, index, { qkv, out: heads, learned: layer.learned });
      addToResidual(ctx, layer.output, heads, layer.attentionPostNorm);
      linear(ctx, layer.gateUp, { x: residual, y: mlp, norm: layer.mlpNorm, epilogue: `${activation}_mul` });
      addToResidual(ctx, layer.down, mlp, layer.mlpPostNorm);
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

function qkvParts(config: DecoderConfig, { matrices }: LoadedWeights, layer: number): readonly QkvPart[] {
  return matrices.has(weightName.layer(layer, 'qkv')) ? [{ role: 'qkv', start: 0 }] : splitQkv(config);
}

function need<T>(loaded: ReadonlyMap<string, T>, name: string): T {
  const weight = loaded.get(name);
  invariant(weight, `the weight ${name} was not loaded`);
  return weight;
}
