// What a job of quantising is, decided before a tensor is read: the method, whether the model fits it, the configuration that
// is written, and the name under which broken off work is found again.
import { PagemindError } from '../errors.js';
import { type Checkpoint, formatOf } from '../load/checkpoint.js';
import { sha256 } from '../load/sha256.js';
import type { MatrixSpec } from '../load/weights.js';
import type { ModelPlan } from '../models/model.js';
import { LayerSpecs, LINEAR_ROLES } from './layer-tensors.js';
import type { QuantizeModelOptions } from './options.js';
import type { LayerMethod } from './quantize-layer.js';
import { unconvertedModules } from './quantized-output.js';

/** @throws PagemindError `invalid_option`. */
export function resolveMethod(options: QuantizeModelOptions): LayerMethod {
  const { method = 'awq', wBits = 4, wGroupSize = 128, searchScale = false, clip = false, damping = 0.01 } = options;
  const { wSym = method === 'gptq', checkpointFormat = wSym ? 'gptq' : 'gptq_v2' } = options;
  const refuse = (message: string, hint: string): never => {
    throw new PagemindError('invalid_option', message, { hint });
  };
  if (!['awq', 'gptq', 'rtn'].includes(method)) refuse(`There is no method ${method}.`, 'Take awq, gptq or rtn.');
  const bits = method === 'gptq' ? [4, 8] : [4];
  if (!bits.includes(wBits)) refuse(`wBits is ${wBits}.`, `With ${method} it is ${bits.join(' or ')}.`);
  if (!(Number.isInteger(wGroupSize) && wGroupSize > 0 && wGroupSize % 32 === 0)) {
    refuse(`wGroupSize is ${wGroupSize}.`, 'Give a multiple of 32.');
  }
  if (method !== 'awq' && (searchScale || clip)) {
    refuse(`searchScale and clip are of no use to ${method}.`, 'Leave them out, or take the method awq.');
  }
  if (!(damping > 0 && damping < 1)) refuse(`damping is ${damping}.`, 'Give a share of 1, such as 0.01.');
  if (checkpointFormat === 'gptq' && !wSym) {
    refuse('Version 1 of GPTQ cannot store a zero point of 0.', 'Take gptq_v2, or a symmetric grid.');
  }
  const layout = method === 'gptq' ? checkpointFormat : 'awq';
  const grid = { bits: wBits, groupSize: wGroupSize, isSymmetric: wSym };
  return { method, grid, searchScale, clip, damping, layout };
}

/**
 * Checks a model against a method.
 * @throws PagemindError `invalid_option`, `unsupported_format`, `unsupported_model`.
 */
export function checkQuantizable(
  { family, checkpoint, specs, decoder }: ModelPlan,
  { grid }: Pick<LayerMethod, 'grid'>,
): void {
  const isTransposed = specs.some(({ pieces }) => pieces.some((piece) => piece.isTransposed));
  if (isTransposed || decoder.hasParallelAttention || decoder.lora) {
    const kind = decoder.lora ? 'some of its linears have adapters' : 'its attention and MLP run in parallel';
    const why = isTransposed ? 'its linears are stored the other way round' : kind;
    throw new PagemindError('unsupported_model', `${family} cannot be quantised with calibration: ${why}.`, {
      hint: 'Quantise it while loading, or with `convert`.',
    });
  }
  const format = formatOf(checkpoint);
  if (format !== 'float') {
    const how = format === 'packed' ? 'packed' : 'quantised';
    throw new PagemindError('unsupported_format', `The weights of ${checkpoint.name} are ${how} already.`, {
      hint: 'Take the original checkpoint, in float32, float16 or bfloat16.',
    });
  }
  if (decoder.experts) {
    throw new PagemindError('unsupported_model', `${checkpoint.name} has experts, which calibration does not know.`, {
      hint: 'Quantise it while loading, or convert it with quantize.',
    });
  }
  for (let index = 0; index < decoder.numLayers; index++) {
    const layer = new LayerSpecs(specs, index);
    for (const role of LINEAR_ROLES) {
      const { name, numCols } = layer.find(role) as MatrixSpec;
      if (numCols % grid.groupSize !== 0) {
        throw new PagemindError('invalid_option', `${name} has ${numCols} columns, no multiple of ${grid.groupSize}.`, {
          hint: 'Take a smaller wGroupSize, such as 64 or 32.',
        });
      }
      for (const tensor of layer.linears(role)) {
        const rows = checkpoint.tensors.get(tensor)?.shape[0] ?? 0;
        if (rows % 8 === 0) continue;
        throw new PagemindError('unsupported_format', `${tensor} has ${rows} rows; the layout packs eight at a time.`);
      }
    }
  }
}

/** config.json with what other tools must know. */
export function quantizedConfig(
  original: Checkpoint,
  linears: readonly string[],
  { method, grid, damping, layout }: LayerMethod,
): Readonly<Record<string, unknown>> {
  const { bits, groupSize, isSymmetric } = grid;
  const kept = unconvertedModules(original, linears);
  const quantization =
    method === 'gptq'
      ? {
          ...{ quant_method: 'gptq', bits, group_size: groupSize, sym: isSymmetric, desc_act: false },
          ...{ damp_percent: damping, checkpoint_format: layout, lm_head: false },
        }
      : {
          // A symmetric grid has its zero points stored, too, so that every reader finds them.
          ...{ quant_method: 'awq', version: 'gemm', bits, group_size: groupSize, zero_point: true },
          modules_to_not_convert: kept,
        };
  return { ...original.config, quantization_config: quantization };
}

/** Names all that the output depends on. */
export async function jobOf(
  { name, config, tensors }: Checkpoint,
  method: LayerMethod,
  ids: readonly (readonly (readonly number[])[])[],
): Promise<string> {
  const shapes = Array.from(tensors, ([tensor, { dtype, shape, offset, length }]) => [
    tensor,
    dtype,
    shape,
    offset,
    length,
  ]);
  const text = JSON.stringify({ version: 1, name, config, shapes, method, ids });
  return sha256(new TextEncoder().encode(text));
}
