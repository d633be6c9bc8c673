// The shape of a .wgsl file after the build step of tools/wgsl; quant and kernels-wgsl share it. No linking here.

/** A piece of linked text: literal WGSL, a knob's value, or a branch kept when its flag has the wanted value. */
export type WgslSegment =
  | string
  | { readonly knob: string; readonly value: string }
  | { readonly flag: string; readonly wanted: boolean; readonly body: readonly WgslSegment[] };

/** One .wgsl file, cut into segments at build time. */
export interface WgslModule {
  /** Path inside its package without the extension, e.g. `linear-matvec/linear-matvec`. */
  readonly name: string;
  /** Files it imports; linked before it, each once. */
  readonly imports: readonly WgslModule[];
  /** Slots it imports; the kernel's variant names the module that fills each. */
  readonly slots: readonly string[];
  /** Names that each import line promises; checked by the reflection test. */
  readonly promised: Readonly<Record<string, readonly string[]>>;
  readonly segments: readonly WgslSegment[];
}
