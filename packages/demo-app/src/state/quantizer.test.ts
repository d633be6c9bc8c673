// A job of quantising as the page follows it: what is shown and noted, and every way in which it can end.
import { PagemindError } from '@pagemind/core/client';
import { describe, expect, it } from 'vitest';
import type { Measured, QuantizeJob, QuantizeNews } from '../quantize/messages.js';
import { FakeOwnShelf } from '../testing/fake-own-shelf.js';
import { type OwnModel, OwnModels } from './own-models.js';
import { Quantizer, type Quantizing, type RunJob } from './quantizer.js';
import { DEFAULT_RECIPE } from './recipe.js';

const QUANTIZING: Quantizing = {
  choice: { hostedId: 'a/tiny', name: 'a/tiny', model: 'a/tiny', endpoint: 'https://hub.example' },
  own: {
    id: 'tiny-awq',
    original: { hostedId: 'a/tiny', name: 'a/tiny', model: 'a/tiny', endpoint: 'https://hub.example' },
    recipe: DEFAULT_RECIPE,
    text: null,
    layer: 0,
    numLayers: 0,
  },
};
const BEFORE: Measured = { perplexity: 30, weightBytes: 8 };
const AFTER: Measured = { perplexity: 31, weightBytes: 2 };

/** A worker that does what a test says. */
class FakeWorker {
  readonly jobs: QuantizeJob[] = [];
  say: (news: QuantizeNews) => void = () => {};
  finish: (after: Measured) => void = () => {};
  fail: (error: Error) => void = () => {};

  readonly run: RunJob = (job, onNews, signal) => {
    this.jobs.push(job);
    this.say = onNews;
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
      const leave = (): void => reject(new PagemindError('aborted', 'ended'));
      if (signal.aborted) leave();
      signal.addEventListener('abort', leave);
    });
  };
}

function create(): { worker: FakeWorker; shelf: FakeOwnShelf; quantizer: Quantizer; noted: () => OwnModel } {
  const [worker, shelf] = [new FakeWorker(), new FakeOwnShelf()];
  const quantizer = new Quantizer(worker.run, new OwnModels(shelf));
  return { worker, shelf, quantizer, noted: () => shelf.kept.get('tiny-awq') as OwnModel };
}

const text = async (): Promise<string> => 'Once upon a time';
const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
const layer = (done: number): QuantizeNews => ({ step: { phase: 'layers', done, total: 3, loss: 0.1 } });

describe('a job', () => {
  it('is shown while it goes on, and noted step by step', async () => {
    const { worker, quantizer, noted } = create();
    const running = quantizer.run(QUANTIZING, text);
    expect(quantizer.state.value).toMatchObject({ kind: 'running', step: undefined });
    await settle();
    const { own, choice } = QUANTIZING;
    const { model, endpoint } = choice;
    expect(worker.jobs).toEqual([{ id: own.id, recipe: own.recipe, text: await text(), model, endpoint }]);
    expect(noted()).toEqual(own);

    worker.say({ before: BEFORE });
    worker.say(layer(1));
    expect(quantizer.state.value).toMatchObject({ kind: 'running', step: { done: 1, loss: 0.1 }, own: { layer: 1 } });
    await settle();
    expect(noted()).toEqual({ ...own, before: BEFORE, layer: 1, numLayers: 3 });
    worker.say(layer(3));
    worker.finish(AFTER);
    await running;
    expect(noted()).toEqual({ ...own, before: BEFORE, after: AFTER, layer: 3, numLayers: 3 });
    expect(quantizer.state.value).toEqual({ kind: 'finished', choice, own: noted() });
  });

  it('stops when it is told to, and goes on with what is known', async () => {
    const { worker, quantizer } = create();
    const running = quantizer.run(QUANTIZING, text);
    await settle();
    worker.say({ before: BEFORE });
    worker.say(layer(2));
    quantizer.stop();
    await running;
    const state = quantizer.state.value;
    expect(state).toMatchObject({ kind: 'stopped', failure: undefined, own: { layer: 2, before: BEFORE } });
    if (state.kind !== 'stopped') throw new Error('it has stopped');
    const again = quantizer.run(state, text);
    await settle();
    expect(worker.jobs[1]).toEqual({ ...worker.jobs[0], before: BEFORE });
    // Layers that are found do not count backwards.
    worker.say(layer(1));
    expect(quantizer.state.value).toMatchObject({ kind: 'running', own: { layer: 2 } });
    worker.finish(AFTER);
    await again;
    expect(quantizer.state.value.kind).toBe('finished');
  });

  it('can be stopped before it has begun', async () => {
    const { worker, quantizer } = create();
    let free: (text: string) => void = () => {};
    const running = quantizer.run(QUANTIZING, () => new Promise((done) => (free = done)));
    quantizer.stop();
    free('Once');
    await running;
    expect(quantizer.state.value).toMatchObject({ kind: 'stopped', failure: undefined });
    worker.finish(AFTER);
    expect(quantizer.state.value.kind).toBe('stopped');
  });

  it('says what it failed of', async () => {
    const { worker, quantizer } = create();
    const running = quantizer.run(QUANTIZING, text);
    await settle();
    worker.fail(new PagemindError('out_of_memory', 'It is full.', { hint: 'Take a smaller model.' }));
    await running;
    const failure = { code: 'out_of_memory', message: 'It is full.', hint: 'Take a smaller model.' };
    expect(quantizer.state.value).toMatchObject({ kind: 'stopped', failure });
    await quantizer.run(QUANTIZING, () => Promise.reject(new Error('no text')));
    expect(quantizer.state.value).toMatchObject({ kind: 'stopped', failure: { code: 'internal', message: 'no text' } });
  });

  it('that is left ends, and shows nothing more', async () => {
    const { worker, quantizer, noted } = create();
    const running = quantizer.run(QUANTIZING, text);
    await settle();
    quantizer.leave();
    expect(quantizer.state.value).toEqual({ kind: 'idle' });
    await running;
    worker.say(layer(1));
    expect(quantizer.state.value).toEqual({ kind: 'idle' });
    expect(noted()).not.toHaveProperty('after');
  });
});
