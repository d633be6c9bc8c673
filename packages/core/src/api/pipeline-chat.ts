// LMDeploy's `chat`: a pipeline's prompts and configs in the turns of a session. What a session is, session.ts knows.
import { invariant } from '../errors.js';
import type { Engine } from './engine-api.js';
import { type GenerationConfig, readGenerationConfig } from './pipeline-config.js';
import { type PipelinePrompt, readPrompt } from './pipeline-prompt.js';
import { type PipelineChunk, type PipelineResponse, toPipelineChunks } from './pipeline-response.js';
import type { Session, SessionOptions } from './session.js';
import type { CallOptions } from './types.js';

/** The calls of a pipeline that keep what was said. */
export interface PipelineChat {
  /**
   * Says something in a session, by default a new one, and gives the session with the answer in its `response`.
   * @throws PagemindError as {@link Session.send} does.
   */
  chat(
    prompt: PipelinePrompt,
    session?: Session | null,
    config?: GenerationConfig,
    options?: CallOptions,
  ): Promise<Session>;
  /** The same as it comes. The turn starts when the stream is first read; leaving the stream aborts it. */
  streamChat(
    prompt: PipelinePrompt,
    session: Session,
    config?: GenerationConfig,
    options?: CallOptions,
  ): AsyncGenerator<PipelineChunk, PipelineResponse>;
  /** A conversation for `chat`. */
  session(options?: SessionOptions): Session;
}

/** @param defaults a config that was read before, for fields that a call does not name */
export function createPipelineChat(engine: Engine, defaults: GenerationConfig): PipelineChat {
  async function* streamChat(
    given: PipelinePrompt,
    session: Session,
    config: GenerationConfig = {},
    { signal }: CallOptions = {},
  ): AsyncGenerator<PipelineChunk, PipelineResponse> {
    const request = readGenerationConfig(config, 'generationConfig.', defaults);
    const prompt = readPrompt(given, true);
    invariant(prompt.kind === 'messages', 'a prompt that was preprocessed has messages');
    return yield* toPipelineChunks(session.generate(prompt.messages, request, signal), 0);
  }
  return {
    streamChat,
    async chat(prompt, session, config, options) {
      const own = session ?? engine.session();
      for await (const _ of streamChat(prompt, own, config, options));
      return own;
    },
    session: (options) => engine.session(options),
  };
}
