// The run-time half of the linker: joins the segments of a kernel, its imports and its slots into one WGSL text.
// Parsing happens at build time in tools/wgsl; nothing is parsed here.
import type { WgslModule, WgslSegment } from '@pagemind/quant';

/** Everything that changes the text of a variant. */
export interface LinkChoices {
  readonly knobs: Readonly<Record<string, number | string>>;
  readonly flags: Readonly<Record<string, boolean>>;
  readonly slots: Readonly<Record<string, WgslModule>>;
  /** Optional WebGPU features; they become `enable` lines. */
  readonly requires: readonly string[];
}

/**
 * Links `root` with the choices of a variant.
 * @returns WGSL text, byte-stable for equal choices (browsers cache compiled shaders by text).
 * @throws Error when a slot is not filled or a knob or flag is given that no linked file has.
 */
export function link(root: WgslModule, choices: LinkChoices): string {
  const unused = new Set([...Object.keys(choices.knobs), ...Object.keys(choices.flags)]);
  const seen = new Set<WgslModule>();
  const parts: string[] = [];
  const join = (segments: readonly WgslSegment[]): string =>
    segments
      .map((segment) => {
        if (typeof segment === 'string') return segment;
        if ('knob' in segment) {
          unused.delete(segment.knob);
          return `${choices.knobs[segment.knob] ?? segment.value}`;
        }
        unused.delete(segment.flag);
        return (choices.flags[segment.flag] ?? false) === segment.wanted ? join(segment.body) : '';
      })
      .join('');
  const visit = (module: WgslModule): void => {
    if (seen.has(module)) return;
    seen.add(module);
    for (const imported of module.imports) visit(imported);
    for (const slot of module.slots) {
      const filling = choices.slots[slot];
      if (!filling) throw new Error(`${module.name}: slot '${slot}' is not filled`);
      visit(filling);
    }
    parts.push(`// ${module.name}\n${join(module.segments)}`);
  };
  visit(root);
  if (unused.size > 0) throw new Error(`${root.name}: no linked file has ${[...unused].join(', ')}`);
  const enables = choices.requires.map((feature) => `enable ${feature === 'shader-f16' ? 'f16' : feature};\n`);
  return enables.join('') + parts.join('');
}
