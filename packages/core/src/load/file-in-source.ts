// One model file of a folder as a source of its own: what a person points to when the folder holds several.
import { partsOf } from './gguf-checkpoint.js';
import type { ModelSource } from './source.js';

/** The file `name` of `folder`, with the other parts when it is one of a split file. */
export function fileInSource(folder: ModelSource, name: string): ModelSource {
  const names = partsOf(name);
  return {
    name,
    open: async (path, signal) => (names.includes(path) ? folder.open(path, signal) : undefined),
    list: async () => names,
  };
}
