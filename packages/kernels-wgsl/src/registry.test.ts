// What kernels state as plain data, held against their WGSL: every declared variant links, and bindings, overrides,
// features, imports, knobs and limits are what the text says. Needs no GPU; whether a variant is right is its own test.
import type { WgslModule, WgslSegment } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { type Reflection, reflectWgsl } from '../../../tools/wgsl/src/reflect.ts';
import { bindingsOf, type KernelBase, PORTABLE_LIMITS, sourceOf, type Variant } from './kernel.js';
import { link } from './link.js';
import { kernels } from './registry.js';

const wgslName = { 'shader-f16': 'f16', subgroups: 'subgroups' } as const;

/** The modules that a variant links, each once. */
function linkedModules(root: WgslModule, variant: Variant): WgslModule[] {
  const seen = new Set<WgslModule>();
  const visit = (module: WgslModule | undefined): void => {
    if (!module || seen.has(module)) return;
    seen.add(module);
    module.imports.forEach(visit);
    for (const slot of module.slots) visit(variant.slots[slot]);
  };
  visit(root);
  return [...seen];
}

/** Reflection of one module alone, with a variant's choices that it has. */
function reflectModule(module: WgslModule, variant: Variant): Reflection {
  const { knobs, flags } = choicesIn(module.segments);
  const keep = <T>(record: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name)));
  return reflectWgsl(
    link(
      { ...module, imports: [], slots: [] },
      { knobs: keep(variant.knobs, knobs), flags: keep(variant.flags, flags), slots: {}, requires: [] },
    ),
  );
}

/** Knobs and flags that segments ask for. */
function choicesIn(segments: readonly WgslSegment[]): { knobs: Set<string>; flags: Set<string> } {
  const knobs = new Set<string>();
  const flags = new Set<string>();
  for (const segment of segments) {
    if (typeof segment === 'string') continue;
    if ('knob' in segment) knobs.add(segment.knob);
    else {
      flags.add(segment.flag);
      const inner = choicesIn(segment.body);
      for (const knob of inner.knobs) knobs.add(knob);
      for (const flag of inner.flags) flags.add(flag);
    }
  }
  return { knobs, flags };
}

const sorted = (names: Iterable<string>): string[] => [...names].sort();

describe('the registry', () => {
  it('names every kernel once', () => {
    const names = kernels.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  it('has a variant that sets each knob, and one that raises each flag, of every module', () => {
    const unused = new Set<string>();
    const used = new Set<string>();
    for (const kernel of kernels) {
      for (const variant of kernel.variants) {
        for (const module of linkedModules(kernel.source, variant)) {
          const { knobs, flags } = choicesIn(module.segments);
          for (const knob of knobs) (knob in variant.knobs ? used : unused).add(`${module.name}: knob ${knob}`);
          for (const flag of flags) (variant.flags[flag] ? used : unused).add(`${module.name}: flag ${flag}`);
        }
      }
    }
    expect(sorted(unused).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))('%s', (_name, kernel: KernelBase) => {
  it('initialises every variable (decision 005)', () => {
    for (const variant of kernel.variants) {
      expect(sourceOf(kernel, variant).match(/^\s+var \w+\s*(:[^=;]*)?;/m)?.[0]).toBeUndefined();
    }
  });

  it('gives each variant an id of its own', () => {
    const ids = kernel.variants.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids.length).toBeGreaterThan(0);
  });

  it('states the overrides of its own file', () => {
    const overrides = kernel.variants.flatMap((variant) => reflectModule(kernel.source, variant).overrides);
    expect(sorted(kernel.constants)).toEqual(sorted(new Set(overrides)));
  });

  it.each(kernel.variants.map((variant) => [variant.id, variant] as const))('%s', (_id, variant) => {
    const modules = linkedModules(kernel.source, variant);
    const found = reflectWgsl(sourceOf(kernel, variant));

    const stated = bindingsOf(kernel, variant).map(({ name, index, access }) => ({ name, index, access, group: 0 }));
    const declared = found.bindings.map(({ name, index, access, group }) => ({ name, index, access, group }));
    expect(declared.sort((a, b) => a.index - b.index)).toEqual(stated);
    expect(new Set(stated.map(({ index }) => index)).size, 'binding indices').toBe(stated.length);

    expect(sorted(found.declared), 'names declared twice').toEqual(sorted(new Set(found.declared)));
    for (const module of modules) {
      for (const [target, names] of Object.entries(module.promised)) {
        const filling = variant.slots[target] ?? module.imports.find(({ name }) => name === target);
        if (!filling) throw new Error(`${module.name} imports ${target}, which nothing fills`);
        const offered = linkedModules(filling, variant).flatMap((each) => reflectModule(each, variant).declared);
        expect(offered, `${module.name} imports from ${filling.name}`).toEqual(expect.arrayContaining([...names]));
      }
    }
    const slots = modules.flatMap((module) => module.slots);
    expect(sorted(Object.keys(variant.slots)), 'slots').toEqual(sorted(new Set(slots)));

    expect(found.enabled).toEqual(variant.requires.map((feature) => wgslName[feature]));
    expect(sorted(found.enabled), 'features that the code uses').toEqual(sorted(found.used));

    const storage = found.bindings.filter(({ space }) => space === 'storage');
    expect(storage.length).toBeLessThanOrEqual(PORTABLE_LIMITS.maxStorageBuffersPerShaderStage);
    expect(found.workgroupBytes ?? 0).toBeLessThanOrEqual(PORTABLE_LIMITS.maxComputeWorkgroupStorageSize);
    expect(found.invocations ?? 0).toBeLessThanOrEqual(PORTABLE_LIMITS.maxComputeInvocationsPerWorkgroup);
    expect(found.functions.map(({ name }) => name)).toContain('main');
  });
});
