// LMDeploy's chat over an engine with a fake runner: sessions that are given, made and streamed into.
import { describe, expect, it } from 'vitest';
import { expectAtRest } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';
import { createChat, finish, idsOf, textOf } from '../testing/session-harness.js';
import { createPipeline } from './pipeline.js';
import type { PipelineChunk } from './pipeline-response.js';

function open() {
  const { engine, core, runner } = createChat();
  return { pipe: createPipeline(engine, { maxNewTokens: 6, ignoreEos: true }), core, runner };
}

const FIRST = answerOf(idsOf('babcd'), 6);
const SECOND = answerOf([...idsOf('babcd'), ...FIRST, ...idsOf('ebccd')], 4);

describe('chat', () => {
  it('makes a session, and goes on in it', async () => {
    const { pipe, core, runner } = open();
    const session = await finish(runner, pipe.chat('ab'));
    expect(session.response).toMatchObject({ text: textOf(FIRST), tokenIds: FIRST, finishReason: 'length' });
    expect(await finish(runner, pipe.chat('c', session, { maxNewTokens: 4 }))).toBe(session);
    expect(session.response).toMatchObject({ tokenIds: SECOND, usage: { cachedTokens: 8 } });
    expect(session.history.map(({ content }) => content)).toEqual(['ab', textOf(FIRST), 'c', textOf(SECOND)]);
    await expectAtRest(core, runner);
  });

  it('streams, and keeps what came when left', async () => {
    const { pipe, core, runner } = open();
    const session = pipe.session();
    const read = async (text: string, maxChunks: number): Promise<PipelineChunk[]> => {
      const chunks: PipelineChunk[] = [];
      for await (const chunk of pipe.streamChat(text, session)) {
        chunks.push(chunk);
        if (chunks.length === maxChunks) break;
      }
      return chunks;
    };
    const chunks = await finish(runner, read('ab', 99));
    expect(chunks.map(({ text }) => text).join('')).toBe(textOf(FIRST));
    expect(chunks.at(-1)).toMatchObject({ index: 0, inputTokenLen: 5, generateTokenLen: 6, finishReason: 'length' });
    await finish(runner, read('c', 2));
    const tokenIds = session.response?.tokenIds ?? [];
    expect(session.response?.finishReason).toBe('abort');
    expect(tokenIds).toEqual(SECOND.slice(0, tokenIds.length));
    await expectAtRest(core, runner);
  });

  it('refuses what is no prompt, and wrong configs, without a turn', async () => {
    const { pipe } = open();
    const session = pipe.session();
    await expect(pipe.chat(5 as never, session)).rejects.toThrow('This is no prompt.');
    await expect(pipe.chat('a', session, { topP: 2 })).rejects.toThrow('generationConfig.topP');
    expect(session.numTurns).toBe(0);
  });
});
