// Runs the library in a page and in a worker, for library.spec.ts, sessions.spec.ts and writing.spec.ts. Plain data in and out.
import { createEngine, type EngineOptions } from '@pagemind/core';
import { connectEngine, type Engine, PagemindError, type Session, sessionStore } from '@pagemind/core/client';
import { type Storing, useStore } from './storing.js';
import { type Writing, writing } from './writing.js';

/** Which thread the engine runs in. */
export type Place = 'page' | 'worker';

/** What {@link Harness.run} brings back. */
export interface Run {
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
  readonly text: string;
  /** Of the OpenAI-shaped call with the same prompt, whole and streamed. */
  readonly completion: string;
  readonly streamed: string;
  readonly phases: readonly string[];
}

/** A turn of a session. */
export interface Turn {
  readonly tokenIds: readonly number[];
  readonly cachedTokens: number;
}

/** What a session says next, where it began and on another engine. */
export interface Restart {
  readonly here: Turn;
  readonly restored: Turn;
  /** Names of sessions while it was stored, and after it was deleted. */
  readonly names: readonly (readonly string[])[];
}

export interface Harness {
  /** Greedy continuation of `prompt` by the model at `url`. */
  run(place: Place, url: string, prompt: string, numTokens: number): Promise<Run>;
  /** Code of the error that loading `url` brings; undefined when it loads. */
  failureOf(place: Place, url: string): Promise<string | undefined>;
  /** Stores a session of the model at `url`, keys and values included, and goes on with it on another engine. */
  restart(place: Place, url: string): Promise<Restart>;
  /** Uses the store in a thread. */
  store(place: Place): Promise<Storing>;
  readonly writing: Writing;
}

declare global {
  var harness: Harness;
}

async function open(
  place: Place,
  url: string,
  onPhase: (phase: string) => void,
  options: EngineOptions = {},
): Promise<Engine> {
  const hooks = { onProgress: ({ phase }: { readonly phase: string }) => onPhase(phase) };
  const given = { ...options, model: url };
  if (place === 'page') return createEngine({ ...given, ...hooks });
  return connectEngine(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }), given, hooks);
}

globalThis.harness = {
  writing,

  async run(place, url, prompt, numTokens) {
    const phases = new Set<string>();
    const engine = await open(place, url, (phase) => phases.add(phase));
    try {
      const ids: number[] = [];
      let text = '';
      for await (const event of engine.generate({
        prompt: { kind: 'text', text: prompt, addSpecialTokens: true },
        sampling: { temperature: 0 },
        maxNewTokens: numTokens,
      })) {
        if (event.type === 'end') continue;
        ids.push(...event.tokenIds);
        text += event.text;
      }
      const body = { prompt, max_tokens: numTokens, temperature: 0 };
      const completion = await engine.completions.create(body);
      let streamed = '';
      for await (const { choices } of await engine.completions.create({ ...body, stream: true })) {
        streamed += choices[0]?.text ?? '';
      }
      const promptIds = await engine.encode(prompt);
      return { promptIds, ids, text, completion: completion.choices[0].text, streamed, phases: [...phases] };
    } finally {
      await engine.dispose();
    }
  },

  async restart(place, url) {
    const store = sessionStore('harness');
    const options = { max_tokens: 24, temperature: 0, ignore_eos: true };
    const next = async (session: Session): Promise<Turn> => {
      const { tokenIds, usage } = await session.send('and', options);
      return { tokenIds, cachedTokens: usage.cachedTokens };
    };
    // Few kernels to compile.
    const openOne = () => open(place, url, () => {}, { maxBatchSize: 1 });
    const first = await openOne();
    const session = first.session();
    await session.send('One day, a big red ball', options);
    await session.send('said', options);
    await store.save('restart', session, { kv: true });
    const here = await next(session);
    await first.dispose();
    const second = await openOne();
    const names = [await store.list()];
    const restored = await next((await store.load('restart', second)) as Session);
    await second.dispose();
    await store.delete('restart');
    return { here, restored, names: [...names, await store.list()] };
  },

  store(place) {
    if (place === 'page') return useStore();
    const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
    return new Promise((resolve) => worker.addEventListener('message', ({ data }) => resolve(data)));
  },

  async failureOf(place, url) {
    try {
      await (await open(place, url, () => {})).dispose();
      return undefined;
    } catch (error) {
      if (error instanceof PagemindError) return error.code;
      throw error;
    }
  },
};
