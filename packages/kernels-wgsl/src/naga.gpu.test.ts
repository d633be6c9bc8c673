// Every variant that needs no subgroups compiles in naga, the compiler of Firefox, which refuses more than Dawn's does and
// knows no subgroups. Whether a variant is right is its own test.
import { describe, expect, it } from 'vitest';
import { compileInNaga } from '../testing/naga.js';
import { sourceOf } from './kernel.js';
import { kernels } from './registry.js';

const variants = kernels.flatMap((kernel) =>
  kernel.variants
    .filter(({ requires }) => !requires.includes('subgroups'))
    .map((variant) => ({
      name: `${kernel.name} ${variant.id}`,
      requires: variant.requires,
      code: sourceOf(kernel, variant),
    })),
);

/** What naga is known to refuse. If it did not, this test would not notice a bad kernel either. */
const refused = [
  {
    name: 'halves out of bits',
    requires: ['shader-f16'],
    code: 'enable f16; fn f(bits: u32) -> vec2<f16> { return bitcast<vec2<f16>>(bits); }',
  },
  { name: 'subgroups', requires: [], code: 'enable subgroups; fn f(x: f32) -> f32 { return subgroupAdd(x); }' },
  {
    name: 'pointers to storage as parameters',
    requires: [],
    code: `@group(0) @binding(0) var<storage, read> x: array<f32>;
      fn first(p: ptr<storage, array<f32>, read>) -> f32 { return p[0]; }
      fn f() -> f32 { return first(&x); }`,
  },
] as const;

describe('naga', () => {
  const { features, errors } = compileInNaga([...variants, ...refused].map(({ code }) => code));
  const cases = [...variants, ...refused].map((each, index) => ({
    ...each,
    lacks: each.requires.filter((feature) => !features.includes(feature)),
    errors: errors[index],
  }));

  it.for(cases.slice(0, variants.length))('accepts $name', ({ lacks, errors }, context) => {
    if (lacks.length > 0) context.skip(`adapter lacks ${lacks}`);
    expect(errors).toEqual([]);
  });

  it.for(cases.slice(variants.length))('refuses $name', ({ lacks, errors }, context) => {
    if (lacks.length > 0) context.skip(`adapter lacks ${lacks}`);
    expect(errors).not.toEqual([]);
  });
});
