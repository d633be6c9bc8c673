// LayerNorm as a dispatch of its own: vision towers, and decoders that are older than RMSNorm.
import { type DeviceProfile, defineKernel, type Kernel, supports, type Variant } from '../kernel.js';
import gelu from '../lib/activation-gelu.wgsl';
import identity from '../lib/activation-identity.wgsl';
import reduceSubgroup from '../lib/reduce-subgroup.wgsl';
import reduceWorkgroup from '../lib/reduce-workgroup.wgsl';
import source from './layernorm.wgsl';

/** LayerNorm of some rows. */
export interface LayernormShape {
  readonly numRows: number;
  /** Elements that count. */
  readonly width: number;
  /** Elements between rows: a multiple of 32. */
  readonly stride: number;
  readonly epsilon: number;
  /** Whether there is a beta. */
  readonly hasBias: boolean;
  /** Of what comes out; with a beta only. */
  readonly activation?: 'gelu' | undefined;
}

function variantsOf(suffix: '' | '-bias' | '-bias-gelu'): readonly Variant[] {
  const slots = { reduce: reduceWorkgroup, activation: suffix.endsWith('gelu') ? gelu : identity };
  const common = { flags: { bias: suffix !== '' }, slots, requires: [] };
  return [
    { ...common, id: `portable${suffix}`, knobs: { LANES: 256 } },
    {
      ...common,
      id: `subgroup${suffix}`,
      knobs: { LANES: 256 },
      slots: { ...slots, reduce: reduceSubgroup },
      requires: ['subgroups'],
    },
    { ...common, id: `narrow${suffix}`, knobs: { LANES: 16 } },
  ];
}

const variants: readonly Variant[] = (['-bias', '-bias-gelu', ''] as const).flatMap(variantsOf);

/**
 * `y[row] = activation((x[row] - mean) / sqrt(variance + epsilon) * gamma + beta)`; x, y `[numRows, stride]`, gamma, beta
 * `[stride]`, all f32. Gamma and beta are zero beyond `width`, which makes y zero there whatever x holds. y is another buffer
 * than x: WebGPU binds no buffer for reading and writing in one dispatch.
 */
export const layernorm: Kernel<LayernormShape> = defineKernel({
  name: 'layernorm',
  source,
  bindings: [
    { name: 'x', index: 0, access: 'read' },
    { name: 'gamma', index: 1, access: 'read' },
    { name: 'beta', index: 2, access: 'read', flag: 'bias' },
    { name: 'y', index: 3, access: 'read_write' },
  ],
  constants: ['WIDTH', 'STRIDE', 'EPSILON'],
  variants,
  pick({ hasBias, activation }: LayernormShape, profile: DeviceProfile): Variant {
    const order = profile.isCpu ? ['narrow'] : ['subgroup', 'portable'];
    const ids = order.map((id) => `${id}${hasBias ? '-bias' : ''}${activation ? `-${activation}` : ''}`);
    const found = ids.map((id) => variants.find((v) => v.id === id)).find((v) => v && supports(profile, v));
    return found as Variant;
  },
  constantsOf: ({ width, stride, epsilon }) => ({ WIDTH: width, STRIDE: stride, EPSILON: epsilon }),
  workgroupsOf: ({ numRows }) => [numRows, 1, 1],
});
