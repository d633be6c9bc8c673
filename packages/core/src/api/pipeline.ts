// LMDeploy's pipeline over any engine: one prompt or a list of them in, whole responses or a stream of chunks out. What a
// prompt and a config may be is in pipeline-prompt.ts and pipeline-config.ts; loading models is the entry points' work.
import type { AssembleOptions } from '../assemble.js';
import { AsyncQueue } from '../async-queue.js';
import type { GenerateRequest } from '../engine/core.js';
import { PagemindError } from '../errors.js';
import type { Engine } from './engine-api.js';
import { Fields, invalid } from './fields.js';
import { crossEntropies } from './perplexity.js';
import { createPipelineChat, type PipelineChat } from './pipeline-chat.js';
import { type GenerationConfig, readGenerationConfig } from './pipeline-config.js';
import { listPrompts, type PipelinePrompt, type PromptList, readPrompt } from './pipeline-prompt.js';
import { type PipelineChunk, type PipelineResponse, toPipelineChunks } from './pipeline-response.js';
import { toSendable } from './sendable.js';

/** Options of `pipeline`. */
export interface PipelineOptions {
  /** How the model is loaded and run. */
  readonly engineConfig?: AssembleOptions;
  /** For calls that do not name a field themselves. */
  readonly generationConfig?: GenerationConfig;
}

/** Third argument of a pipeline's calls. */
export interface PipelineCallOptions {
  /** Cancels all prompts of the call, which then throws `aborted`. */
  readonly signal?: AbortSignal;
  /** False: texts go to the model as they are, without its chat template; default true. */
  readonly doPreprocess?: boolean;
}

/** One config for all prompts, or a list with one for each. */
export type GenerationConfigs = GenerationConfig | readonly GenerationConfig[];

/** A model to call with prompts; a list of prompts runs as a batch. */
export interface Pipeline extends PipelineChat {
  /**
   * Answers a list of prompts, in its order. The first that fails ends the call, and the others with it; the message says
   * which it was.
   * @throws PagemindError `invalid_request`, `context_too_long`, `invalid_image`, `aborted`, `disposed`, …
   */
  (
    prompts: readonly PipelinePrompt[],
    config?: GenerationConfigs,
    options?: PipelineCallOptions,
  ): Promise<PipelineResponse[]>;
  /** Answers one prompt. */
  (prompt: PipelinePrompt, config?: GenerationConfigs, options?: PipelineCallOptions): Promise<PipelineResponse>;
  /** Answers one prompt, or a list of them with a list. */
  (
    prompts: PipelinePrompt | readonly PipelinePrompt[],
    config?: GenerationConfigs,
    options?: PipelineCallOptions,
  ): Promise<PipelineResponse | PipelineResponse[]>;
  /**
   * The same as it comes: pieces of all prompts interleaved, each with the index of its own. Starts at once; leaving the
   * stream cancels. Errors come from the stream.
   */
  streamInfer(
    prompts: PipelinePrompt | readonly PipelinePrompt[],
    config?: GenerationConfigs,
    options?: PipelineCallOptions,
  ): AsyncIterable<PipelineChunk>;
  /**
   * How well the model predicts given ids, as LMDeploy's `get_ppl`: the cross-entropy of a sequence, the mean negative log
   * probability of its ids but the first; for a list of sequences one number for each. Perplexity is its exponential.
   * @throws PagemindError `invalid_request`, `aborted`, …
   */
  getPpl(ids: readonly number[], options?: { readonly signal?: AbortSignal }): Promise<number>;
  getPpl(ids: readonly (readonly number[])[], options?: { readonly signal?: AbortSignal }): Promise<number[]>;
  /** What the pipeline runs on; OpenAI's calls, logits and numbers are there. */
  readonly engine: Engine;
  /** Disposes of the engine. Safe to call twice. */
  close(): Promise<void>;
}

/** Reads the options before `open` loads a model with them, which may take long. */
export async function openPipeline(
  options: PipelineOptions,
  open: (engineConfig: AssembleOptions) => Promise<Engine>,
): Promise<Pipeline> {
  const fields = new Fields(options, 'options.');
  const engineConfig = fields.object('engineConfig') ?? {};
  const generationConfig = fields.object('generationConfig') ?? {};
  fields.refuseOthers();
  readGenerationConfig(generationConfig, 'generationConfig.');
  return createPipeline(await open(engineConfig), generationConfig);
}

/**
 * Makes a pipeline of an engine, wherever that runs.
 * @param generationConfig for calls that do not name a field themselves
 * @throws PagemindError `invalid_request` naming the field.
 */
export function createPipeline(engine: Engine, generationConfig: GenerationConfig = {}): Pipeline {
  readGenerationConfig(generationConfig, 'generationConfig.');
  const read = (prompts: unknown, configs: GenerationConfigs, { doPreprocess = true }: PipelineCallOptions) =>
    readRequests(prompts, configs, doPreprocess, generationConfig);

  const call = async (
    prompts: PipelinePrompt | readonly PipelinePrompt[],
    configs: GenerationConfigs = {},
    options: PipelineCallOptions = {},
  ): Promise<PipelineResponse | PipelineResponse[] | undefined> => {
    const requests = read(prompts, configs, options);
    const responses = await generateAll(engine, requests, () => {}, options.signal);
    return requests.isBatch ? responses : responses[0];
  };

  const streamInfer: Pipeline['streamInfer'] = (prompts, configs = {}, options = {}) => {
    const { signal } = options;
    const leaving = new AbortController();
    const chunks = new AsyncQueue<PipelineChunk>(() => leaving.abort());
    const run = async (): Promise<void> => {
      const requests = read(prompts, configs, options);
      const either = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal;
      await generateAll(engine, requests, (chunk) => chunks.push(chunk), either);
    };
    run().then(
      () => chunks.end(),
      (error) => chunks.fail(error),
    );
    return chunks;
  };

  const getPpl = async (
    ids: readonly number[] | readonly (readonly number[])[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number | number[] | undefined> => {
    const isBatch = Array.isArray(ids[0]);
    const sequences = (isBatch ? ids : [ids]) as readonly (readonly number[])[];
    const losses = await crossEntropies(engine, sequences, signal);
    return isBatch ? [...losses] : losses[0];
  };

  const chat = createPipelineChat(engine, generationConfig);
  const own = { getPpl: getPpl as Pipeline['getPpl'], streamInfer };
  return Object.assign(call as Pipeline, chat, { ...own, engine, close: () => engine.dispose() });
}

function readRequests(
  given: unknown,
  configs: GenerationConfigs,
  doPreprocess: boolean,
  defaults: GenerationConfig,
): PromptList<GenerateRequest> {
  const { isBatch, items } = listPrompts(given);
  if (Array.isArray(configs) && configs.length !== items.length) {
    throw invalid(
      `There are ${items.length} prompts and ${configs.length} generation configs.`,
      'Give one config for all prompts, or a list with one for each.',
    );
  }
  const requests = items.map((item, i) => {
    const config = Array.isArray(configs)
      ? readGenerationConfig(configs[i], `generationConfig[${i}].`, defaults)
      : readGenerationConfig(configs, 'generationConfig.', defaults);
    try {
      return { prompt: readPrompt(item, doPreprocess), ...config };
    } catch (error) {
      throw isBatch ? ofPrompt(error, i) : error;
    }
  });
  return { isBatch, items: requests };
}

type Emit = (chunk: PipelineChunk) => void;

/** Runs as many requests at a time as the engine has room for. The first that fails cancels the others. */
async function generateAll(
  engine: Engine,
  { isBatch, items }: PromptList<GenerateRequest>,
  emit: Emit,
  signal: AbortSignal | undefined,
): Promise<PipelineResponse[]> {
  const failing = new AbortController();
  const either = signal ? AbortSignal.any([signal, failing.signal]) : failing.signal;
  const responses: PipelineResponse[] = [];
  const waiting = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, request] of waiting) {
      try {
        responses[index] = await generateOne(engine, request, index, emit, either);
      } catch (error) {
        // Those that are cancelled now fail too, with the same reason.
        if (!failing.signal.aborted) failing.abort(isBatch ? ofPrompt(error, index) : error);
        throw failing.signal.reason;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(engine.info.maxBatchSize, items.length) }, lane));
  return responses;
}

async function generateOne(
  engine: Engine,
  request: GenerateRequest,
  index: number,
  emit: Emit,
  signal: AbortSignal,
): Promise<PipelineResponse> {
  const prompt = await toSendable(request.prompt);
  const chunks = toPipelineChunks(engine.generate({ ...request, prompt }, signal), index);
  let next = await chunks.next();
  for (; !next.done; next = await chunks.next()) emit(next.value);
  return next.value;
}

/** The error with the prompt that it is about. A cancelled call is about none of them. */
function ofPrompt(error: unknown, index: number): unknown {
  if (!(error instanceof PagemindError) || error.code === 'aborted') return error;
  const { code, message, hint } = error;
  return new PagemindError(code, `prompts[${index}]: ${message}`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  });
}
