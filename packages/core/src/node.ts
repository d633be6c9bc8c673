// Public names of @pagemind/core/node: the same engine in Node, on Dawn, reading models from folders.
import { Engine } from './api/engine-api.js';
import { type AssembleOptions, assembleEngine } from './assemble.js';
import { modelSource } from './create-engine.js';
import { GpuContext } from './gpu/context.js';
import { type BandwidthProbe, probeDevice } from './gpu/probe.js';
import type { ModelSource } from './load/source.js';
import { createNodePlatform } from './platform/node.js';
import { folderSource } from './platform/node-source.js';

export * from './index.js';
export { writeSafetensors } from './load/safetensors-writer.js';
export type { BandwidthProbe };

/** Options of {@link createEngine} in Node. */
export interface NodeEngineOptions extends AssembleOptions {
  /** A folder as the hub lays it out, the http(s) URL of one, or a source of your own. */
  readonly model: string | ModelSource;
}

/**
 * Loads a model and makes an engine.
 * @throws PagemindError; its code says what was wrong.
 */
export async function createEngine({ model, ...options }: NodeEngineOptions): Promise<Engine> {
  const isFolder = typeof model === 'string' && !/^https?:\/\//.test(model);
  const source = isFolder ? folderSource(model) : modelSource(model);
  return new Engine(await assembleEngine(createNodePlatform(), source, options));
}

/** What this machine offers. */
export interface Environment {
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly isCpu: boolean;
    readonly features: readonly string[];
  };
  readonly limits: Readonly<Record<string, number>>;
  readonly probe: BandwidthProbe;
}

/**
 * Opens the adapter that an engine would use and measures it.
 * @throws PagemindError `webgpu_unavailable`.
 */
export async function checkEnvironment(): Promise<Environment> {
  const platform = createNodePlatform();
  const gpu = await GpuContext.open(platform.gpu());
  try {
    const { vendor, architecture, isCpu, features, limits } = gpu.profile;
    return {
      adapter: { vendor, architecture, isCpu, features },
      limits: { ...limits },
      probe: await probeDevice(gpu, platform.now),
    };
  } finally {
    gpu.dispose();
  }
}
