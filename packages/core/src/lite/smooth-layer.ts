// AWQ's smoothing of a layer: what each product's columns are multiplied by goes out of what comes before it: the norm, v
// before o, up before down. Pure; the scales' formula is quant's awq.
import { divideRows, scaleColumns, smoothingScales, weightTerms } from '@pagemind/quant';
import type { DecoderConfig } from '../models/decoder-config.js';
import type { LayerRole } from '../models/decoder-weights.js';
import { upOutputOf } from '../models/gate-up.js';
import type { LayerSpecs, LayerTensor, LayerTensors, LinearRole } from './layer-tensors.js';

/** How a layer is smoothed. */
export interface Smoothing {
  readonly groupSize: number;
  /** Activations of every column, by product. */
  readonly activations: Readonly<Record<LinearRole, ArrayLike<number>>>;
  readonly ratios: Readonly<Record<LinearRole, number>>;
}

/** Products whose scales can go into what comes before; others are not smoothed. */
export function smoothedRoles(
  { numHeads, numKvHeads, mlpType }: DecoderConfig,
  layer: LayerSpecs,
): readonly LinearRole[] {
  const roles: LinearRole[] = [];
  if (layer.find('attentionNorm')) roles.push('qkv');
  // Where query heads share a value head, their inputs of o would need one scale.
  if (numHeads === numKvHeads) roles.push('output');
  if (layer.find('mlpNorm')) roles.push('gateUp');
  // Without a gate there is an activation between up and down.
  if (mlpType === 'gated') roles.push('down');
  return roles;
}

/** Smooths the tensors of a layer, in place. Returns the scales of every product that was. */
export function smoothLayer(
  config: DecoderConfig,
  layer: LayerSpecs,
  tensors: LayerTensors,
  { groupSize, activations, ratios }: Smoothing,
): ReadonlyMap<LinearRole, Float32Array<ArrayBuffer>> {
  const of = (name: string): LayerTensor => tensors.get(name) as LayerTensor;
  const all = new Map<LinearRole, Float32Array<ArrayBuffer>>();
  for (const role of smoothedRoles(config, layer)) {
    const linears = layer.linears(role).map(of);
    const norm = normOf(layer, role, '')?.map(of);
    const isKept = (column: number): boolean =>
      norm?.some(({ values }) => (values[column] as number) + config.normOffset === 0) ?? false;
    const scales = smoothingScales(activations[role], weightTerms(linears, groupSize), ratios[role], isKept);
    for (const linear of linears) scaleColumns(linear, scales);
    if (norm) {
      for (const gamma of norm) divideNorm(gamma, scales, config.normOffset);
      for (const beta of normOf(layer, role, 'Bias')?.map(of) ?? []) divideNorm(beta, scales, 0);
    } else {
      divideOutputs(config, layer, tensors, role, scales);
    }
    all.set(role, scales);
  }
  return all;
}

/** The norm before a product, or its biases; undefined when another product comes before it. */
function normOf(layer: LayerSpecs, role: LinearRole, part: '' | 'Bias'): readonly string[] | undefined {
  if (role !== 'qkv' && role !== 'gateUp') return undefined;
  return layer.pieces(`${role === 'qkv' ? 'attentionNorm' : 'mlpNorm'}${part}`).map(({ tensor }) => tensor);
}

/** Divides what a norm multiplies by or adds, of which `offset` is not stored. */
function divideNorm({ values }: LayerTensor, scales: Float32Array<ArrayBuffer>, offset: number): void {
  for (const [i, scale] of scales.entries()) values[i] = ((values[i] as number) + offset) / scale - offset;
}

/** Divides the rows (and biases) of the product before, output by output. */
function divideOutputs(
  { numHeads, numKvHeads, headDim }: DecoderConfig,
  layer: LayerSpecs,
  tensors: LayerTensors,
  role: LinearRole,
  scales: Float32Array<ArrayBuffer>,
): void {
  const firstValue = (numHeads + numKvHeads) * headDim;
  const valueOutputOf = (row: number): number | undefined => (row < firstValue ? undefined : row - firstValue);
  const [outputOf, before]: [(row: number) => number | undefined, readonly LayerRole[]] =
    role === 'output' ? [valueOutputOf, ['qkv', 'qkvBias']] : [upOutputOf, ['gateUp', 'gateUpBias']];
  for (const piece of before.flatMap((each) => layer.pieces(each))) {
    const { tensor, firstRow, numRows, dst, block, stride } = piece;
    for (let i = 0; i < numRows; i++) {
      const output = outputOf(dst + Math.floor(i / block) * stride + (i % block));
      if (output === undefined) continue;
      divideRows(tensors.get(tensor) as LayerTensor, scales.subarray(output, output + 1), firstRow + i);
    }
  }
}
