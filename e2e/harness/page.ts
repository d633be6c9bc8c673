// Runs the library in a page and in a worker, for library.spec.ts. Plain data in and out.
import { createEngine } from '@pagemind/core';
import { connectEngine, type Engine, PagemindError } from '@pagemind/core/client';

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

export interface Harness {
  /** Greedy continuation of `prompt` by the model at `url`. */
  run(place: Place, url: string, prompt: string, numTokens: number): Promise<Run>;
  /** Code of the error that loading `url` brings; undefined when it loads. */
  failureOf(place: Place, url: string): Promise<string | undefined>;
}

declare global {
  var harness: Harness;
}

async function open(place: Place, url: string, onPhase: (phase: string) => void): Promise<Engine> {
  const hooks = { onProgress: ({ phase }: { readonly phase: string }) => onPhase(phase) };
  if (place === 'page') return createEngine({ model: url, ...hooks });
  return connectEngine(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }), { model: url }, hooks);
}

globalThis.harness = {
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
