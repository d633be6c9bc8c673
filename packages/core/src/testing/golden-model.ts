// Goldens as models: what a published checkpoint leaves to its authors' code is in no file, and differs in a tiny one.

import { invariant } from '../errors.js';
import { bytesSource } from '../load/memory-source.js';
import type { ModelSource } from '../load/source.js';
import { folderSource } from '../platform/node-source.js';
import { fixturesPath } from './fixtures.js';

/** Keys for config.json, by golden. */
const SIZES: Readonly<Record<string, object>> = {
  'internlm-xcomposer': {
    image_token_id: 0,
    vision_config: {
      ...{ hidden_size: 40, intermediate_size: 80, num_hidden_layers: 2, num_attention_heads: 2 },
      ...{ image_size: 42, patch_size: 14 },
    },
    qformer_config: { hidden_size: 36, intermediate_size: 48, num_hidden_layers: 4, num_attention_heads: 3 },
  },
};

/** A golden, whose config.json has the sizes that its files do not hold. */
export function goldenModel(name: string): ModelSource {
  const folder = folderSource(fixturesPath(`goldens/${name}`));
  const sizes = SIZES[name];
  if (!sizes) return folder;
  return {
    ...folder,
    async open(path, signal) {
      const file = await folder.open(path, signal);
      if (path !== 'config.json') return file;
      invariant(file, 'a golden has a config.json');
      const config: unknown = JSON.parse(new TextDecoder().decode(await file.read(0, file.size)));
      return bytesSource(new TextEncoder().encode(JSON.stringify({ ...(config as object), ...sizes })), path);
    },
  };
}
