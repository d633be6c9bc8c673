// The state of the whole page: the first visit, switching models, leaving a load, a browser without WebGPU.
import { PagemindError } from '@pagemind/core/client';
import { describe, expect, it } from 'vitest';
import { FakeEngine } from '../testing/fake-engine.js';
import { FakeOwnShelf } from '../testing/fake-own-shelf.js';
import { FakeShelf } from '../testing/fake-shelf.js';
import { App, type AppEnvironment } from './app.js';
import type { ModelChoice } from './catalog.js';
import type { Connect } from './chat-engine.js';
import type { RunJob } from './quantizer.js';
import { DEFAULT_RECIPE } from './recipe.js';

const MODELS = ['first', 'second'].map((id) => ({ id, files: [{ path: 'config.json', size: 1 }] }));

function environment(changes: Partial<AppEnvironment> = {}): AppEnvironment {
  return {
    base: 'https://example.org/',
    hasWebGpu: true,
    languages: ['en-GB'],
    storage: undefined,
    shelf: new FakeShelf(),
    models: { list: async () => [], delete: async () => {} },
    ownModels: new FakeOwnShelf(),
    runJob: async () => ({ perplexity: 1, weightBytes: 1 }),
    download: async () => {},
    connect: async () => new FakeEngine(),
    fetchJson: async () => MODELS,
    fetchBlob: async () => new Blob(),
    makeThumbnail: async (picture) => picture,
    now: () => 0,
    ...changes,
  };
}

const OWN: ModelChoice = { hostedId: null, name: 'own', model: [] };

const KEPT = { id: 'owner/kept', totalBytes: 10, cachedBytes: 10, packedBytes: 0, isComplete: true, usedAt: 1 };

describe('models of hubs', () => {
  const storageOf = (settings: object): AppEnvironment['storage'] => ({
    getItem: () => JSON.stringify(settings),
    setItem: () => {},
  });

  it('are looked up at the hub of the settings, and loaded again on the next visit', async () => {
    const loaded: unknown[] = [];
    const connect: Connect = async ({ model, endpoint }) => {
      loaded.push([model, endpoint]);
      return new FakeEngine();
    };
    const storage = storageOf({ endpoint: 'https://mirror.example/', lastModel: 'owner/kept' });
    const models = { list: async () => [KEPT], delete: async () => {} };
    const app = new App(environment({ connect, storage, models }));
    await app.start();
    await app.openFromHub('owner/other');
    expect(loaded).toEqual(['owner/kept', 'owner/other'].map((id) => [id, 'https://mirror.example']));
    expect(app.preferences.settings.value.lastModel).toBe('owner/other');
  });

  it('that are not complete wait until somebody wants to go on', async () => {
    const loaded: unknown[] = [];
    const connect: Connect = async ({ model }) => {
      loaded.push(model);
      return new FakeEngine();
    };
    const storage = storageOf({ lastModel: 'owner/kept' });
    const models = { list: async () => [{ ...KEPT, isComplete: false }], delete: async () => {} };
    await new App(environment({ connect, storage, models })).start();
    expect(loaded).toEqual(['https://example.org/models/first/']);
  });

  it('are listed as they come, go and cannot be listed', async () => {
    let kept = [KEPT];
    const models = {
      list: async () => kept,
      delete: async (id: string) => {
        kept = kept.filter((model) => model.id !== id);
      },
    };
    const app = new App(environment({ models }));
    await app.start();
    kept = [KEPT, { ...KEPT, id: 'owner/new' }];
    await app.openFromHub('owner/new');
    expect(app.library.models.value.map(({ id }) => id)).toEqual(['owner/kept', 'owner/new']);
    await app.library.delete('owner/kept');
    expect(app.library.models.value.map(({ id }) => id)).toEqual(['owner/new']);
    models.list = () => Promise.reject(new PagemindError('storage_unavailable', 'no'));
    await app.library.refresh();
    expect(app.library.models.value).toEqual([]);
  });
});

describe('quantising', () => {
  /** A job that waits until it is finished or left. */
  function job(): { runJob: RunJob; texts: string[]; finish: () => void } {
    const texts: string[] = [];
    const made = { texts, finish: (): void => {} };
    const runJob: RunJob = ({ text }, _, signal) => {
      texts.push(text);
      return new Promise((resolve, reject) => {
        made.finish = () => resolve({ perplexity: 2, weightBytes: 3 });
        signal.addEventListener('abort', () => reject(new PagemindError('aborted', 'left')));
      });
    };
    return Object.assign(made, { runJob });
  }
  const settle = (): Promise<void> => new Promise((done) => setTimeout(done));
  const ID = 'first-awq-4bit-g64';

  it('gives the engine up, loads what comes of it, and again on the next visit', async () => {
    const engines: FakeEngine[] = [];
    const loaded: unknown[] = [];
    const connect: Connect = async ({ model }) => {
      loaded.push(typeof model === 'string' ? model : (model as FileSystemDirectoryHandle).name);
      engines.push(new FakeEngine());
      return engines.at(-1) as FakeEngine;
    };
    const ownModels = new FakeOwnShelf();
    ownModels.folders.add(ID);
    const work = job();
    const fetchBlob = async (): Promise<Blob> => new Blob(['a sample']);
    const app = new App(environment({ connect, ownModels, runJob: work.runJob, fetchBlob }));
    await app.start();
    expect(app.canQuantize.value).toBe(true);
    const done = app.quantize(DEFAULT_RECIPE, null);
    await settle();
    expect(engines[0]?.isDisposed).toBe(true);
    expect(app.session.state.value.kind).toBe('empty');
    expect(work.texts).toEqual(['a sample']);
    work.finish();
    await done;
    expect(loaded).toEqual(['https://example.org/models/first/', ID]);
    expect(app.quantizer.state.value).toMatchObject({ kind: 'finished', own: { id: ID } });

    const stored = JSON.stringify(app.preferences.settings.value);
    const storage = { getItem: () => stored, setItem: () => {} };
    const later = new App(environment({ connect, ownModels, storage }));
    await later.start();
    expect(loaded.at(-1)).toBe(ID);
    // Once the browser has lost the files, so has the list.
    ownModels.folders.clear();
    await new App(environment({ connect, ownModels, storage })).start();
    expect(ownModels.kept.size).toBe(0);
  });

  it('ends when another model is opened, and goes on later', async () => {
    const ownModels = new FakeOwnShelf();
    const work = job();
    const app = new App(environment({ ownModels, runJob: work.runJob }));
    await app.start();
    const done = app.quantize(DEFAULT_RECIPE, 'a text of my own');
    await settle();
    await app.open(OWN);
    await done;
    expect(app.quantizer.state.value.kind).toBe('idle');
    expect(app.session.state.value).toMatchObject({ kind: 'ready', choice: OWN });

    ownModels.folders.add(ID);
    const [own] = app.own.models.value;
    const again = app.goOn(own as NonNullable<typeof own>);
    await settle();
    expect(work.texts).toEqual(['a text of my own', 'a text of my own']);
    work.finish();
    await again;
    expect(app.session.state.value).toMatchObject({ kind: 'ready', choice: { hostedId: ID } });
  });

  it('is for models that are not quantised, and that can read', async () => {
    for (const info of [{ checkpointFormat: 'packed' }, { checkpointFormat: 'quantized' }, { hasTokenizer: false }]) {
      const app = new App(environment({ connect: async () => new FakeEngine(info as Partial<FakeEngine['info']>) }));
      await app.start();
      expect(app.canQuantize.value).toBe(false);
    }
  });
});

describe('the page', () => {
  it('loads the first model on the first visit, and the last one used after that', async () => {
    const loaded: unknown[] = [];
    const connect: Connect = async ({ model }) => {
      loaded.push(model);
      return new FakeEngine();
    };
    const app = new App(environment({ connect }));
    await app.start();
    await app.open({ hostedId: 'second', name: 'second', model: 'https://example.org/models/second/' });
    expect(app.preferences.settings.value.lastModel).toBe('second');

    const stored = JSON.stringify(app.preferences.settings.value);
    const storage = { getItem: () => stored, setItem: () => {} };
    await new App(environment({ connect, storage })).start();
    expect(loaded).toEqual(['first', 'second', 'second'].map((id) => `https://example.org/models/${id}/`));
  });

  it('disposes of a model before the next one is loaded', async () => {
    const engines: FakeEngine[] = [];
    const connect: Connect = async () => {
      expect(engines.every(({ isDisposed }) => isDisposed)).toBe(true);
      const engine = new FakeEngine();
      engines.push(engine);
      return engine;
    };
    const app = new App(environment({ connect }));
    await app.start();
    await app.open(OWN);
    await app.reload();
    expect(engines.map(({ isDisposed }) => isDisposed)).toEqual([true, true, false]);
  });

  it('leaves a load that is cancelled', async () => {
    const connect: Connect = (_, { signal }) =>
      new Promise((_done, fail) => {
        signal?.addEventListener('abort', () => fail(new PagemindError('aborted', 'left')));
      });
    const app = new App(environment({ connect }));
    const opened = app.open(OWN);
    expect(app.session.state.value.kind).toBe('loading');
    await Promise.resolve();
    app.session.cancel();
    await opened;
    expect(app.session.state.value.kind).toBe('empty');
  });

  it('disposes of an engine that came after its load was cancelled', async () => {
    const engine = new FakeEngine();
    let arrive = (_: FakeEngine): void => {};
    const connect: Connect = () =>
      new Promise((done) => {
        arrive = done;
      });
    const app = new App(environment({ connect }));
    const opened = app.open(OWN);
    await new Promise((done) => setTimeout(done));
    app.session.cancel();
    arrive(engine);
    await opened;
    expect(engine.isDisposed).toBe(true);
    expect(app.session.state.value.kind).toBe('empty');
  });

  it('shows why a model did not load', async () => {
    const connect: Connect = () => Promise.reject(new PagemindError('file_missing', 'No config.json.'));
    const app = new App(environment({ connect }));
    await app.open(OWN);
    expect(app.session.state.value).toMatchObject({ kind: 'failed', failure: { code: 'file_missing' } });
    expect(app.unsupported.value).toBeUndefined();
  });

  it('loads again what the GPU lost, and answers then', async () => {
    const engines: FakeEngine[] = [];
    const connect: Connect = async () => {
      const engine = new FakeEngine();
      if (engines.length === 0) engine.error = new PagemindError('device_lost', 'Gone.');
      engines.push(engine);
      return engine;
    };
    const app = new App(environment({ connect }));
    await app.start();
    await app.conversation.send('Hi');
    const failure = app.conversation.failure.value;
    if (!failure) throw new Error('it did not fail');
    await app.retry(failure);
    expect(engines).toHaveLength(2);
    expect(app.conversation.turns.value.map(({ text }) => text)).toEqual(['Hi', 'Hello there']);
  });

  it('clears a story when a model that talks is loaded', async () => {
    const engines = [false, false, true].map((hasChatTemplate) => new FakeEngine({ hasChatTemplate }));
    const connect: Connect = async () => engines.shift() ?? new FakeEngine();
    const app = new App(environment({ connect }));
    await app.start();
    expect(app.session.mode.value).toBe('story');
    await app.conversation.send('Once');
    await app.open(OWN);
    expect(app.conversation.turns.value).toHaveLength(2);
    await app.open(OWN);
    expect(app.session.mode.value).toBe('chat');
    expect(app.conversation.turns.value).toHaveLength(0);
  });

  it('puts dropped pictures beside the message, and loads dropped models', async () => {
    const connect: Connect = async () => new FakeEngine({ takesImages: true });
    const app = new App(environment({ connect }));
    const file = (name: string): File => Object.assign(new File([], name), { webkitRelativePath: '' });
    await app.drop({ files: [file('a.png')] });
    expect(app.session.state.value).toMatchObject({ kind: 'ready', choice: { name: 'a.png' } });
    await app.drop({ files: [file('a.png'), file('b.png')] });
    expect(app.tray.pictures.value.map(({ name }) => name)).toEqual(['a.png', 'b.png']);
    await app.send('What are these?');
    expect(app.conversation.turns.value[0]?.pictures).toHaveLength(2);
    expect(app.tray.pictures.value).toHaveLength(0);
    await app.drop({ files: [file('config.json')] });
    expect(app.session.state.value).toMatchObject({ choice: { name: 'config.json' } });
  });

  it('keeps pictures from a model that takes none, and says so', async () => {
    const engines = [
      new FakeEngine({ takesImages: true }),
      new FakeEngine(),
      new FakeEngine({ takesImages: true, hasChatTemplate: false }),
    ];
    const connect: Connect = async () => engines.shift() ?? new FakeEngine();
    const app = new App(environment({ connect }));
    await app.start();
    await new Promise((done) => setTimeout(done));
    expect(app.samples.value.length).toBeGreaterThan(3);
    await app.attach([{ name: 'a', blob: new Blob() }]);
    await app.open(OWN);
    expect(app.tray.pictures.value).toEqual([]);
    await app.drop({ files: [new File([], 'a.png')] });
    expect(app.tray.problem.value).toEqual({ kind: 'blind' });
    expect(app.session.state.value.kind).toBe('ready');
    await app.open(OWN);
    expect(app.session.takesPictures.value).toBe(false);
  });

  it('describes a picture at once', async () => {
    const connect: Connect = async () => new FakeEngine({ takesImages: true });
    const unreadable = { name: 'x', blob: new Blob(['x']) };
    const makeThumbnail = async (blob: Blob): Promise<Blob> => {
      if (blob === unreadable.blob) throw new Error('no picture');
      return blob;
    };
    const app = new App(environment({ connect, makeThumbnail }));
    await app.start();
    await app.describe({ name: 'Drawing', blob: new Blob() });
    expect(app.conversation.turns.value).toMatchObject([{ pictures: [{ name: 'Drawing' }] }, { text: 'Hello there' }]);
    await app.describe(unreadable);
    expect(app.conversation.turns.value).toHaveLength(2);
    expect(app.tray.problem.value).toEqual({ kind: 'unreadable', names: ['x'] });
  });

  it('says so where there is no WebGPU, and loads nothing', async () => {
    const app = new App(environment({ hasWebGpu: false }));
    await app.start();
    expect(app.unsupported.value).toBe('no-webgpu');
    expect(app.session.state.value.kind).toBe('empty');
    const refused = (): Promise<FakeEngine> => Promise.reject(new PagemindError('webgpu_unavailable', 'No adapter.'));
    const late = new App(environment({ connect: refused }));
    await late.start();
    expect(late.unsupported.value).toMatchObject({ code: 'webgpu_unavailable' });
  });
});
