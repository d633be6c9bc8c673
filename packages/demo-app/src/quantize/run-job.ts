// A job of quantising, in a worker of its own: measures the original, quantises it into a folder, measures the result. Whoever
// wants to break it off ends the worker; the same job goes on where it was. What the page shows of it is state/quantizer.ts.
import {
  createEngine,
  type ModelLocation,
  measurePerplexity,
  type QuantizeProgress,
  quantizeModel,
} from '@pagemind/core';
import { failureOf } from '../state/failure.js';
import { seqlenOf, splitText } from '../state/recipe.js';
import { openFolder, pathOf } from './folders.js';
import type { Measured, QuantizeJob, QuantizeMessage, QuantizeStep } from './messages.js';

/** What is measured: windows of so many tokens, and so many of them. */
const WINDOW_LEN = 256;
const MAX_WINDOWS = 16;

/** Does the job that comes. Call it while the script starts. */
export function serveJob(scope: Pick<MessagePort, 'postMessage' | 'addEventListener'>): void {
  const post = (message: QuantizeMessage): void => scope.postMessage(message);
  scope.addEventListener('message', ({ data }) => {
    doJob(data as QuantizeJob, post).catch((error: unknown) => post({ failure: failureOf(error) }));
  });
}

async function doJob(job: QuantizeJob, post: (message: QuantizeMessage) => void): Promise<void> {
  const { model, id, text, endpoint } = job;
  const { method, bits, groupSize, samples } = job.recipe;
  const hub = endpoint === undefined ? {} : { endpoint };
  const { calibration, heldOut } = splitText(text);
  const measure = (location: ModelLocation, phase: 'before' | 'after'): Promise<Measured> => {
    return measured(location, hub, heldOut, (done, total) => post({ step: { phase, done, total } }));
  };
  if (!job.before) post({ before: await measure(model, 'before') });
  await quantizeModel(model, pathOf(id), {
    ...hub,
    method,
    wBits: bits,
    wGroupSize: groupSize,
    ...(method === 'awq' && { searchScale: true, clip: true }),
    calibration: { text: calibration, samples, seqlen: seqlenOf(calibration) },
    onProgress: (progress) => post({ step: stepOf(progress) }),
  });
  post({ after: await measure(await openFolder(pathOf(id)), 'after') });
}

async function measured(
  model: ModelLocation,
  hub: { readonly endpoint?: string },
  text: string,
  onProgress: (done: number, total: number) => void,
): Promise<Measured> {
  onProgress(0, 0);
  const engine = await createEngine({ model, ...hub, maxBatchSize: 1 });
  try {
    const { perplexity } = await measurePerplexity(engine, text, {
      windowLen: Math.min(WINDOW_LEN, engine.info.sessionLen),
      maxWindows: MAX_WINDOWS,
      onProgress: ({ numWindows, totalWindows }) => onProgress(numWindows, totalWindows),
    });
    return { perplexity, weightBytes: engine.info.memory.weightBytes };
  } finally {
    await engine.dispose();
  }
}

function stepOf({ phase, layer, numLayers, loss, etaMs }: QuantizeProgress): QuantizeStep {
  return {
    phase: phase === 'write' || phase === 'ready' ? 'write' : 'layers',
    done: layer,
    total: numLayers,
    ...(loss !== undefined && { loss }),
    ...(etaMs !== undefined && layer < numLayers && { secondsLeft: etaMs / 1000 }),
  };
}
