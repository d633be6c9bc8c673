// From an untrusted body in OpenAI's shape to a request of the engine. Every field is checked; one that is known but not
// supported says so, one that is unknown is refused. What depends on the model is checked by the engine.
import type { ChatMessage, ContentPart, GenerateRequest, Prompt, PromptImage } from '../engine/core.js';
import type { SamplingParams } from '../sampling/params.js';
import { Fields, invalid, isRecord, isText, isTokenId } from './fields.js';

/** A body that was checked. */
export interface ValidRequest {
  readonly request: GenerateRequest;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** Tokens of a text completion that names no number. */
const DEFAULT_COMPLETION_TOKENS = 16;

/** Fields that change nothing about the answer. */
const IGNORED = ['model', 'user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key'];

/** Fields that are not supported, each with the values that ask for nothing. */
const UNSUPPORTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  echo: isNothing,
  suffix: isNothing,
  tools: isNothing,
  tool_choice: (value) => value === 'none' || value === 'auto',
  parallel_tool_calls: (value) => typeof value === 'boolean',
  functions: isNothing,
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => isRecord(value) && value['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.every((each) => each === 'text'),
  audio: isNothing,
  prediction: isNothing,
  reasoning_effort: isNothing,
  web_search_options: isNothing,
};

/** @throws PagemindError `invalid_request` naming the field. */
export function validateChatCompletion(body: unknown): ValidRequest {
  const fields = new Fields(body);
  const templateOptions = fields.object('chat_template_kwargs');
  const messages = validateMessages(fields.get('messages'));
  const maxTokens = fields.integer('max_tokens', 1);
  const maxNewTokens = fields.integer('max_completion_tokens', 1) ?? maxTokens;
  return validateOptions(
    fields,
    { kind: 'messages', messages, ...(templateOptions && { templateOptions }) },
    { maxNewTokens, logprobs: validateChatLogprobs(fields) },
  );
}

/** How many of the most probable tokens are wanted beside each one; undefined: no log probabilities at all. */
function validateChatLogprobs(fields: Fields): number | undefined {
  const wantsLogprobs = fields.boolean('logprobs') ?? false;
  const numTop = fields.integer('top_logprobs', 0, 20);
  if (wantsLogprobs) return numTop ?? 0;
  if (numTop === undefined || numTop === 0) return undefined;
  throw invalid(`top_logprobs is ${numTop} without logprobs.`, 'Set logprobs to true.');
}

/** @throws PagemindError `invalid_request` naming the field. */
export function validateCompletion(body: unknown): ValidRequest {
  const fields = new Fields(body);
  const prompt = validatePrompt(fields.get('prompt'));
  const maxNewTokens = fields.integer('max_tokens', 1) ?? DEFAULT_COMPLETION_TOKENS;
  return validateOptions(fields, prompt, { maxNewTokens, logprobs: fields.integer('logprobs', 0, 5) });
}

function validateOptions(
  fields: Fields,
  prompt: Prompt,
  own: { readonly maxNewTokens: number | undefined; readonly logprobs: number | undefined },
): ValidRequest {
  const sampling = {
    temperature: fields.number('temperature', 0, 2),
    topP: fields.number('top_p', 0, 1),
    topK: fields.integer('top_k', 0),
    minP: fields.number('min_p', 0, 1),
    repetitionPenalty: fields.number('repetition_penalty', 0.01, 100),
    presencePenalty: fields.number('presence_penalty', -2, 2),
    frequencyPenalty: fields.number('frequency_penalty', -2, 2),
    seed: toSeed(fields.integer('seed')),
  } satisfies Record<keyof SamplingParams, number | undefined>;
  const rest = {
    ...own,
    minNewTokens: fields.integer('min_new_tokens', 0),
    stopStrings: validateStop(fields.get('stop')),
    stopTokenIds: fields.list('stop_token_ids', 'token ids', isTokenId),
    ignoreEos: fields.boolean('ignore_eos'),
    logitBias: validateBias(fields.object('logit_bias')),
    badTokenIds: fields.list('bad_token_ids', 'token ids', isTokenId),
    badWords: fields.list('bad_words', 'texts', isText),
    skipSpecialTokens: fields.boolean('skip_special_tokens'),
    numChoices: fields.integer('n', 1),
    priority: fields.integer('priority'),
  };
  // Others would have to be generated and thrown away.
  fields.unsupported('best_of', (value) => value === (rest.numChoices ?? 1));
  const stream = fields.boolean('stream') ?? false;
  const streamOptions = new Fields(fields.object('stream_options') ?? {}, 'stream_options.');
  const includeUsage = streamOptions.boolean('include_usage') ?? false;
  streamOptions.refuseOthers();
  for (const name of IGNORED) fields.get(name);
  for (const [name, allows] of Object.entries(UNSUPPORTED)) fields.unsupported(name, allows);
  fields.refuseOthers();
  return { request: { prompt, sampling: present(sampling), ...present(rest) }, stream, includeUsage };
}

/** @param at where the messages lie, for errors */
export function validateMessages(value: unknown, at = 'messages'): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0) throw invalid(`${at} is not a list with at least one message.`);
  return value.map((message: unknown, i) => {
    const path = `${at}[${i}].`;
    const fields = new Fields(message, path);
    const role = fields.get('role');
    if (role !== 'system' && role !== 'developer' && role !== 'user' && role !== 'assistant') {
      throw invalid(`${path}role is not supported.`, 'Use system, developer, user or assistant.');
    }
    for (const name of ['tool_calls', 'function_call', 'audio']) fields.unsupported(name, isNothing);
    const name = fields.string('name');
    return {
      role: role === 'developer' ? 'system' : role,
      content: validateContent(fields.get('content'), `${path}content`),
      ...(name !== undefined && { name }),
    };
  });
}

/** Text alone becomes a string, as most chat templates want it. */
function validateContent(value: unknown, path: string): string | readonly ContentPart[] {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) throw invalid(`${path} is neither a string nor a list of parts.`);
  const parts = value.map((part: unknown, i) => validatePart(part, `${path}[${i}]`));
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === parts.length ? texts.join('') : parts;
}

function validatePart(value: unknown, path: string): ContentPart {
  const fields = new Fields(value, `${path}.`);
  switch (fields.get('type')) {
    case 'text': {
      const text = fields.string('text');
      if (text !== undefined) return { type: 'text', text };
      break;
    }
    case 'image_url': {
      const image = new Fields(fields.object('image_url') ?? {}, `${path}.image_url.`).string('url');
      if (image !== undefined && image !== '') return { type: 'image', image };
      break;
    }
    case 'image': {
      // What it is shows when it is made ready to be sent, or read.
      const image = fields.get('image');
      if (image !== undefined) return { type: 'image', image: image as PromptImage };
    }
  }
  throw invalid(`${path} is neither a text nor an image part.`, 'Use the types text, image_url and image.');
}

function validatePrompt(value: unknown): Prompt {
  if (typeof value === 'string') return { kind: 'text', text: value, addSpecialTokens: true };
  if (Array.isArray(value) && value.every((id): id is number => Number.isInteger(id)))
    return { kind: 'tokens', ids: value };
  throw invalid('prompt is neither a string nor a list of token ids.', 'Send one request per prompt.');
}

function validateStop(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const stops: unknown[] = Array.isArray(value) ? value : [value];
  if (stops.every(isText)) return stops;
  throw invalid('stop is neither a string nor a list of strings, or one of them is empty.');
}

/** Whether the model has the tokens is checked by the engine. */
function validateBias(value: Readonly<Record<string, unknown>> | undefined): GenerateRequest['logitBias'] {
  if (value === undefined) return undefined;
  const fields = new Fields(value, 'logit_bias.');
  const biases: Record<number, number> = {};
  for (const key of Object.keys(value)) {
    if (!/^\d+$/.test(key)) throw invalid(`logit_bias.${key} is not the bias of a token id.`);
    biases[Number(key)] = fields.number(key, -100, 100) ?? 0;
  }
  return biases;
}

/** OpenAI's seeds are of any size and sign; ours have 32 bits. */
function toSeed(seed: number | undefined): number | undefined {
  return seed === undefined ? undefined : seed >>> 0;
}

function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === false || value === 0 || value === '' || (isRecord(value) && Object.keys(value).length === 0);
}

type Present<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

/** The fields that are there. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
