// Opens a model for a command, with progress, and closes it whatever happens.
import { createEngine, type Engine, type EngineOptions, type NodeHubOptions } from '@pagemind/core/node';
import { showProgress } from './progress.js';

/** Runs `use` with an engine for `model`. */
export async function withEngine<T>(
  model: string,
  options: EngineOptions & NodeHubOptions,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  const { onProgress, end } = showProgress();
  const engine = await createEngine({ ...options, model, onProgress }).finally(end);
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}
