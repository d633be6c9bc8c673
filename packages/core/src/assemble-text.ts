// Gathers what a checkpoint says about text: tokenizer, chat template, special tokens, and how it wants to be sampled.
// A checkpoint without a tokenizer still works on token ids.
import type { TextTools } from './engine/prompt.js';
import type { GenerationDefaults } from './engine/request.js';
import { PagemindError } from './errors.js';
import type { Checkpoint } from './load/checkpoint.js';
import { smallFiles } from './load/small-files.js';
import type { ModelSource } from './load/source.js';
import { findVlmFamily } from './models/model.js';
import { RawConfig } from './models/raw-config.js';
import { GREEDY, resolveSamplingParams, type SamplingParams } from './sampling/params.js';
import { type AnswerFormats, findAnswerFormats } from './text/answer-formats.js';
import { findBuiltinTemplate, type ModelTraits } from './text/builtin-templates.js';
import { createChatTemplate, findChatTemplate } from './text/chat-template.js';
import { createTokenizer, readTokenizerFiles, TOKENIZER_FILES, type TokenizerFiles } from './text/create-tokenizer.js';
import { readSpecialTokens, turnEndsOf } from './text/special-tokens.js';
import type { Tokenizer } from './text/tokenizer.js';

/** The text side of a model. */
export interface ModelText {
  /** Missing without a tokenizer. */
  readonly tools: TextTools | undefined;
  readonly defaults: GenerationDefaults;
  /** Whether the checkpoint brings a template or its family has one; without, contents are joined as they are. */
  readonly hasChatTemplate: boolean;
  /** How calls of tools and thoughts are written. */
  readonly formats: AnswerFormats;
}

/** @throws PagemindError `invalid_tokenizer`, `invalid_template`, `invalid_config`. */
export async function assembleText(checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<ModelText> {
  const sampling = readSampling(checkpoint.generationConfig);
  const read = (path: string): Promise<string | undefined> => checkpoint.readText(path, signal);
  const files = await readTokenizerFiles(checkpoint, signal);
  if (!files) {
    const raw = new RawConfig(checkpoint.generationConfig ?? checkpoint.config, 'generation_config.json');
    const defaults = { sampling, eosTokenIds: raw.ids('eos_token_id') };
    const formats = { tools: undefined, reasoning: undefined };
    return { tools: undefined, defaults, hasChatTemplate: false, formats };
  }
  const tokenizer = tokenizerOf(checkpoint, files);
  const own = findChatTemplate({
    chatTemplateJinja: await read('chat_template.jinja'),
    tokenizerConfigJson: files.tokenizerConfigJson,
    chatTemplateJson: await read('chat_template.json'),
  });
  const traits = traitsOf(checkpoint, tokenizer);
  const builtin = own ? undefined : findBuiltinTemplate(traits);
  const special = readSpecialTokens(
    {
      ...files,
      generationConfigJson: await read('generation_config.json'),
      configJson: JSON.stringify(checkpoint.config),
    },
    tokenizer,
    own ? turnEndsOf(own.default) : builtin?.stopTokens,
  );
  const template = own ?? builtin?.source;
  const { bosToken, eosToken, bosId, stopIds } = special;
  return {
    tools: { tokenizer, chatTemplate: createChatTemplate(template), bosToken, eosToken },
    defaults: { sampling, eosTokenIds: stopIds, ...(bosId !== undefined && { bosTokenId: bosId }) },
    hasChatTemplate: template !== undefined,
    formats: findAnswerFormats(traits),
  };
}

/** The tokenizer, in which images have a token where the authors' code replaces a text instead. */
function tokenizerOf({ config }: Checkpoint, files: TokenizerFiles): Tokenizer {
  const tokenizer = createTokenizer(files);
  const token = findVlmFamily(config)?.imageToken?.(new RawConfig(config));
  if (!token || tokenizer.tokenToId(token.content) !== undefined || tokenizer.decode([token.id]) !== '')
    return tokenizer;
  return createTokenizer(files, [{ ...token, special: true }]);
}

function traitsOf({ config }: Checkpoint, tokenizer: Tokenizer): ModelTraits {
  const typeOf = (value: unknown): string | undefined => {
    const type =
      typeof value === 'object' && value !== null ? (value as { model_type?: unknown }).model_type : undefined;
    return typeof type === 'string' ? type : undefined;
  };
  const languageModelType =
    ['text_config', 'language_config', 'llm_config'].map((key) => typeOf(config[key])).find(Boolean) ??
    findVlmFamily(config)?.decoderType;
  const projectorType = typeof config['mm_projector_type'] === 'string' ? config['mm_projector_type'] : undefined;
  return { modelType: typeOf(config) ?? '', languageModelType, projectorType, tokenizer };
}

/**
 * The tokenizer of a folder, which needs nothing but tokenizer files.
 * @throws PagemindError `file_missing`, `invalid_tokenizer`, `file_malformed`, `source_unreachable`, `aborted`.
 */
export async function assembleTokenizer(source: ModelSource, signal?: AbortSignal): Promise<Tokenizer> {
  const files = await readTokenizerFiles(smallFiles(source), signal);
  if (files) return createTokenizer(files);
  throw new PagemindError('file_missing', `${source.name} has no tokenizer.`, {
    hint: `Point to a folder that holds one of ${TOKENIZER_FILES.join(', ')}.`,
  });
}

/** What generation_config.json says; greedy unless it says `do_sample`. */
function readSampling(values: Readonly<Record<string, unknown>> | undefined): SamplingParams {
  const raw = new RawConfig(values ?? {}, 'generation_config.json');
  if (!raw.flag('do_sample', false)) return GREEDY;
  const number = (key: string, fallback: number): number => {
    const value = raw.get(key);
    return typeof value === 'number' ? value : fallback;
  };
  return resolveSamplingParams({
    temperature: number('temperature', 1),
    topP: number('top_p', 1),
    topK: number('top_k', 50),
    minP: number('min_p', 0),
    repetitionPenalty: number('repetition_penalty', 1),
  });
}
