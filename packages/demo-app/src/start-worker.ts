// Starts a thread of worker.ts: an engine's, or the one that its name says.

/** The script is named here alone, so that the build has it once. */
export function startWorker(name: string): Worker {
  return new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name });
}
