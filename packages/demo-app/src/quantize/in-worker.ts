// Does a job of quantising in a worker: what run-job.ts says there becomes a promise here. Ending the worker frees everything
// that it held, whatever state it was in.
import { PagemindError } from '@pagemind/core/client';
import { startWorker } from '../start-worker.js';
import type { RunJob } from '../state/quantizer.js';
import { QUANTIZE_THREAD, type QuantizeMessage } from './messages.js';

export const runInWorker: RunJob = async (job, onNews, signal) => {
  const worker = startWorker(QUANTIZE_THREAD);
  try {
    return await new Promise((resolve, reject) => {
      const leave = (): void => reject(new PagemindError('aborted', 'The job was broken off.'));
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      worker.addEventListener('error', ({ message }) =>
        reject(new PagemindError('internal', `It crashed: ${message}`)),
      );
      worker.addEventListener('message', ({ data }: MessageEvent<QuantizeMessage>) => {
        if ('after' in data) resolve(data.after);
        else if ('failure' in data) {
          const { code, message, hint } = data.failure;
          reject(new PagemindError(code, message, hint === undefined ? {} : { hint }));
        } else onNews(data);
      });
      worker.postMessage(job);
    });
  } finally {
    worker.terminate();
  }
};
