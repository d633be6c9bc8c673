// A product of a decoder layer by its role, to look at and to try another in its place. A checkpoint that is to be quantised
// stores q, k and v alike, so that they are one product, and has no experts.
import { invariant } from '../errors.js';
import type { LinearWeight } from '../layers/linear.js';
import type { DecoderLayer, DenseMlp } from '../models/decoder.js';
import type { LinearRole } from './layer-tensors.js';

export function linearOf(layer: DecoderLayer, role: LinearRole): LinearWeight {
  if (role === 'output') return layer.output;
  if (role !== 'qkv') return mlpOf(layer)[role];
  const [part, ...others] = layer.qkv;
  invariant(part && others.length === 0, 'queries, keys and values are one product');
  return part.weight;
}

export function withLinear(layer: DecoderLayer, role: LinearRole, weight: LinearWeight): DecoderLayer {
  if (role === 'qkv') return { ...layer, qkv: [{ weight, start: 0 }] };
  if (role === 'output') return { ...layer, output: weight };
  return { ...layer, mlp: { ...mlpOf(layer), [role]: weight } };
}

function mlpOf({ mlp }: DecoderLayer): DenseMlp {
  invariant(!('router' in mlp), 'the layer has no experts');
  return mlp;
}
