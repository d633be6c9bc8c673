// Gathers what a checkpoint says about text: tokenizer, chat template, special tokens, and how it wants to be sampled.
// A checkpoint without a tokenizer still works on token ids.
import type { TextTools } from './engine/prompt.js';
import type { GenerationDefaults } from './engine/request.js';
import type { Checkpoint } from './load/checkpoint.js';
import { RawConfig } from './models/raw-config.js';
import { GREEDY, resolveSamplingParams, type SamplingParams } from './sampling/params.js';
import { createChatTemplate, findChatTemplate } from './text/chat-template.js';
import { readSpecialTokens } from './text/special-tokens.js';
import { createTokenizer } from './text/tokenizer.js';

/** The text side of a model. */
export interface ModelText {
  /** Missing without a tokenizer.json. */
  readonly tools: TextTools | undefined;
  readonly defaults: GenerationDefaults;
  /** Whether the checkpoint brings a template; without one, contents are joined as they are. */
  readonly hasChatTemplate: boolean;
}

/** @throws PagemindError `invalid_tokenizer`, `invalid_template`, `invalid_config`. */
export async function assembleText(checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<ModelText> {
  const sampling = readSampling(checkpoint.generationConfig);
  const read = (path: string): Promise<string | undefined> => checkpoint.readText(path, signal);
  const tokenizerJson = await read('tokenizer.json');
  if (tokenizerJson === undefined) {
    const raw = new RawConfig(checkpoint.generationConfig ?? checkpoint.config, 'generation_config.json');
    return { tools: undefined, defaults: { sampling, eosTokenIds: raw.ids('eos_token_id') }, hasChatTemplate: false };
  }
  const tokenizerConfigJson = await read('tokenizer_config.json');
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfigJson });
  const special = readSpecialTokens(
    {
      tokenizerConfigJson,
      specialTokensMapJson: await read('special_tokens_map.json'),
      generationConfigJson: await read('generation_config.json'),
      configJson: JSON.stringify(checkpoint.config),
    },
    tokenizer,
  );
  const template = findChatTemplate({
    chatTemplateJinja: await read('chat_template.jinja'),
    tokenizerConfigJson,
    chatTemplateJson: await read('chat_template.json'),
  });
  const { bosToken, eosToken, bosId, stopIds } = special;
  return {
    tools: { tokenizer, chatTemplate: createChatTemplate(template), bosToken, eosToken },
    defaults: { sampling, eosTokenIds: stopIds, ...(bosId !== undefined && { bosTokenId: bosId }) },
    hasChatTemplate: template !== undefined,
  };
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
