// What a kernel is: its source, bindings, constants, declared variants, and the pure rule that picks one for a shape
// and a device. Nothing here touches a GPU; core/gpu makes pipelines and bind groups from a KernelPlan.
import type { WgslModule } from '@pagemind/quant';
import { type LinkChoices, link } from './link.js';

/** Optional WebGPU features that a variant may need. */
export type ShaderFeature = 'shader-f16' | 'subgroups';

/** What a kernel may know about a device. Made by core from adapter and device; plain data. */
export interface DeviceProfile {
  readonly vendor: string;
  readonly architecture: string;
  /** The adapter computes on the CPU (SwiftShader, lavapipe): kernels avoid barriers there. */
  readonly isCpu: boolean;
  readonly features: readonly ShaderFeature[];
  /** Smallest and largest subgroup size a pipeline may get; 0 without subgroups. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  readonly limits: DeviceLimits;
}

/** The WebGPU limits that kernels and allocation rules look at, in WebGPU's units. */
export interface DeviceLimits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBuffersPerShaderStage: number;
}

/** The least that WebGPU promises; kernels' portable variants run within these. */
export const PORTABLE_LIMITS: DeviceLimits = {
  maxStorageBufferBindingSize: 134217728,
  maxBufferSize: 268435456,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBuffersPerShaderStage: 8,
};

/** A storage-buffer binding of group 0. Bindings are numbered in the WGSL file; the reflection test compares. */
export interface Binding {
  readonly name: string;
  /** `@binding(index)`. */
  readonly index: number;
  readonly access: 'read' | 'read_write';
  /** Present only in variants with this flag set. */
  readonly flag?: string;
}

/** One compiled form of a kernel: everything that changes the WGSL text. */
export interface Variant extends LinkChoices {
  /** Unique within the kernel, e.g. `int4-g64-c4-subgroup`; part of the pipeline's cache key. */
  readonly id: string;
  readonly requires: readonly ShaderFeature[];
  /** Bindings that the slots bring along (the planes of a weight format). */
  readonly slotBindings?: readonly Binding[];
}

/** Number of workgroups in x, y, z. */
export type Workgroups = readonly [number, number, number];

/** A decided dispatch, short of its buffers: which text, which constants, how many workgroups. */
export interface KernelPlan {
  readonly kernel: KernelBase;
  readonly variant: Variant;
  /** Values of the WGSL `override` declarations. */
  readonly constants: Readonly<Record<string, number>>;
  readonly workgroups: Workgroups;
}

/** The part of a kernel that does not depend on its shape type. */
export interface KernelBase {
  readonly name: string;
  readonly source: WgslModule;
  /** Bindings of the kernel's own file, flags included. Slots add theirs through the variant. */
  readonly bindings: readonly Binding[];
  /** Names of all `override` declarations of the kernel's own file. */
  readonly constants: readonly string[];
  /** Every variant that tests must hold; `pick` returns nothing else. */
  readonly variants: readonly Variant[];
}

/** A kernel whose shape is `Shape`: plain numbers that decide variant, constants and workgroups. */
export interface KernelDefinition<Shape> extends KernelBase {
  /** Pure: the best variant for this shape on this device. */
  pick(shape: Shape, profile: DeviceProfile): Variant;
  /** Pure: override values for a shape. */
  constantsOf(shape: Shape, variant: Variant): Readonly<Record<string, number>>;
  /** Pure: grid for a shape. */
  workgroupsOf(shape: Shape, variant: Variant): Workgroups;
}

/** A complete kernel: its definition and the plan that follows from it. */
export interface Kernel<Shape> extends KernelDefinition<Shape> {
  /** Plan with the variant that `pick` chooses, or with a given one (tests, tuning). */
  plan(shape: Shape, profile: DeviceProfile, variant?: Variant): KernelPlan;
}

/** Completes a definition. Kernels are plain constants; there is no global list but `registry.ts`. */
export function defineKernel<Shape>(definition: KernelDefinition<Shape>): Kernel<Shape> {
  const kernel: Kernel<Shape> = {
    ...definition,
    plan: (shape, profile, variant = definition.pick(shape, profile)) => ({
      kernel,
      variant,
      constants: definition.constantsOf(shape, variant),
      workgroups: definition.workgroupsOf(shape, variant),
    }),
  };
  return kernel;
}

/** Linked WGSL of a variant. */
export function sourceOf(kernel: KernelBase, variant: Variant): string {
  return link(kernel.source, variant);
}

/** Bindings that a variant really has, by index. */
export function bindingsOf(kernel: KernelBase, variant: Variant): readonly Binding[] {
  const own = kernel.bindings.filter(({ flag }) => flag === undefined || variant.flags[flag] === true);
  return [...own, ...(variant.slotBindings ?? [])].sort((a, b) => a.index - b.index);
}

/** Whether a device can run a variant. */
export function supports(profile: DeviceProfile, variant: Variant): boolean {
  return variant.requires.every((feature) => profile.features.includes(feature));
}

/** `ceil(count / size)`: number of tiles of `size` that cover `count`. */
export function tiles(count: number, size: number): number {
  return Math.ceil(count / size);
}

/**
 * Spreads `count` workgroups over x and y, since one dimension ends at 65,535.
 * Kernels that use it compute `wg.y * 32768u + wg.x` and must ignore indices ≥ count.
 */
export function foldGrid(count: number): readonly [number, number] {
  return count <= 32768 ? [count, 1] : [32768, tiles(count, 32768)];
}
