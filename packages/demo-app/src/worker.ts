// The threads of the GPU: an engine, with tokenizer and scheduler, so that the page never waits for them; or a job of
// quantising. Their code is nearly the same, so one script has both, and the thread's name says which it is to be.
import { serve } from '@pagemind/core/host';
import { QUANTIZE_THREAD } from './quantize/messages.js';
import { serveJob } from './quantize/run-job.js';

if (self.name === QUANTIZE_THREAD) serveJob(self as unknown as MessagePort);
else serve();
