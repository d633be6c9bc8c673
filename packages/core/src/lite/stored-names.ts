// Names of tensors: those that specs use, and those of the checkpoint's files, which differ where a family renames them.

import type { Checkpoint } from '../load/checkpoint.js';
import type { TensorData } from '../load/safetensors-writer.js';
import type { TensorEntry } from '../load/tensor-entry.js';
import type { ModelPlan } from '../models/model.js';
import { type LayerSpecs, LINEAR_ROLES } from './layer-tensors.js';

export class StoredNames {
  readonly #original: Checkpoint;
  readonly #storedStems = new Map<string, string>();
  readonly #specStems = new Map<string, string>();
  readonly #stored = new Map<string, string>();

  constructor(original: Checkpoint, { checkpoint }: ModelPlan) {
    this.#original = original;
    // Both name the same entries.
    const nameOf = new Map(Array.from(original.tensors, ([name, entry]) => [entry, name]));
    for (const [specName, entry] of checkpoint.tensors) {
      const stored = nameOf.get(entry) ?? specName;
      this.#stored.set(specName, stored);
      this.#storedStems.set(stemOf(specName), stemOf(stored));
      this.#specStems.set(stemOf(stored), stemOf(specName));
    }
  }

  /** The name in files of a tensor of the original. */
  stored(specName: string): string {
    return this.#stored.get(specName) ?? specName;
  }

  /** Tensors of a layer under their names in files. */
  store(tensors: Readonly<Record<string, TensorData>>): Readonly<Record<string, TensorData>> {
    return Object.fromEntries(Object.entries(tensors).map(([name, data]) => [exchange(name, this.#storedStems), data]));
  }

  /** The name that specs use for a tensor of a file. */
  specName(stored: string): string {
    return exchange(stored, this.#specStems);
  }

  /** Stems of the linears of layers, as files name them. */
  linears(layers: readonly LayerSpecs[]): readonly string[] {
    return layers
      .flatMap((layer) => LINEAR_ROLES.flatMap((role) => layer.linears(role)))
      .map((name) => stemOf(this.stored(name)));
  }

  /** Tensors that belong to no layer, by their names in files. */
  others(layers: readonly LayerSpecs[]): ReadonlyMap<string, TensorEntry> {
    const used = new Set(
      layers.flatMap(({ specs }) =>
        specs.flatMap(({ pieces }) => pieces.map(({ tensor }) => this.#stored.get(tensor))),
      ),
    );
    return new Map([...this.#original.tensors].filter(([name]) => !used.has(name)));
  }
}

function stemOf(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf('.'), 0));
}

function exchange(name: string, stems: ReadonlyMap<string, string>): string {
  const stem = stemOf(name);
  return `${stems.get(stem) ?? stem}${name.slice(stem.length)}`;
}
