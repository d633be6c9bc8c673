// From chat messages to the prompt that a model was trained on: finds the model's template and renders it. No tokenizing.
import { PagemindError } from '../errors.js';
import { parseJinja } from './jinja.js';
import { isJsonObject, type JsonObject, own, parseJsonObject } from './json.js';

/** A message as templates see it; `content` is text, or a list of parts for models that take images. */
export interface TemplateMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/** Texts of the files that may hold a template; every one may be missing. */
export interface ChatTemplateFiles {
  readonly chatTemplateJinja?: string | undefined;
  readonly tokenizerConfigJson?: string | undefined;
  /** chat_template.json, where checkpoints with a processor used to keep it. */
  readonly chatTemplateJson?: string | undefined;
}

/** The Jinja source of a model. */
export interface ChatTemplateSource {
  readonly default: string;
  /** Used in place of the default when there are tools. */
  readonly toolUse?: string;
  /** The prompt lacks what the tokenizer puts around a text; default false: templates of models bring it. */
  readonly needsSpecialTokens?: boolean;
}

/** What a template is told besides the messages. */
export interface RenderOptions {
  /** End with the words that open the assistant's answer; default true. */
  readonly addGenerationPrompt?: boolean;
  /** Tools in OpenAI's shape. */
  readonly tools?: readonly unknown[] | undefined;
  readonly bosToken?: string | undefined;
  readonly eosToken?: string | undefined;
  /** Further variables (`chat_template_kwargs`), e.g. `enable_thinking`; they cannot replace the ones above. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
  /** The clock of `strftime_now`; default: now. */
  readonly now?: Date;
}

/** Messages to prompt. */
export interface ChatTemplate {
  /** Whether the prompt lacks BOS and its like, so that it is to be encoded with `addSpecialTokens: true`. */
  readonly needsSpecialTokens: boolean;
  /**
   * @throws PagemindError `invalid_request` when the template refuses the messages, in the template's words;
   * `invalid_template` when it fails or takes too much time or memory.
   */
  render(messages: readonly TemplateMessage[], options?: RenderOptions): string;
}

function sourceOf(value: unknown, file: string): ChatTemplateSource | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return { default: value };
  if (Array.isArray(value)) {
    const named = new Map<unknown, unknown>(
      value.filter(isJsonObject).map((entry) => [own(entry, 'name'), own(entry, 'template')]),
    );
    const [main, toolUse] = [named.get('default'), named.get('tool_use')];
    if (typeof main === 'string') return typeof toolUse === 'string' ? { default: main, toolUse } : { default: main };
  }
  throw new PagemindError(
    'invalid_template',
    `${file}: chat_template is neither a template nor a list with one named "default".`,
    {
      hint: `Correct chat_template in ${file}, or add a chat_template.jinja.`,
    },
  );
}

/**
 * Finds a model's template: chat_template.jinja, else `chat_template` of tokenizer_config.json, else of chat_template.json.
 * @throws PagemindError `invalid_template`.
 */
export function findChatTemplate(files: ChatTemplateFiles): ChatTemplateSource | undefined {
  if (files.chatTemplateJinja !== undefined) return { default: files.chatTemplateJinja };
  const fromJson = (text: string | undefined, file: string): ChatTemplateSource | undefined =>
    text === undefined
      ? undefined
      : sourceOf(own(parseJsonObject(text, file, 'invalid_template'), 'chat_template'), file);
  return (
    fromJson(files.tokenizerConfigJson, 'tokenizer_config.json') ??
    fromJson(files.chatTemplateJson, 'chat_template.json')
  );
}

/**
 * Makes the template of a model. Without a source it is the plain one for base models: the contents of the messages,
 * one per line, with nothing around them.
 * @throws PagemindError `invalid_template` when the source cannot be parsed.
 */
export function createChatTemplate(source: ChatTemplateSource | undefined): ChatTemplate {
  return source ? jinjaTemplate(source) : { needsSpecialTokens: true, render: renderPlain };
}

function jinjaTemplate(source: ChatTemplateSource): ChatTemplate {
  const main = parseJinja(source.default);
  const toolUse = source.toolUse === undefined ? main : parseJinja(source.toolUse);
  return {
    needsSpecialTokens: source.needsSpecialTokens ?? false,
    render: (messages, options = {}) => {
      const { addGenerationPrompt = true, tools, bosToken = '', eosToken = '', extra, now = new Date() } = options;
      const render = (shown: readonly unknown[]): string =>
        (tools?.length ? toolUse : main).render(
          {
            ...extra,
            messages: shown,
            tools: tools?.length ? tools : null,
            add_generation_prompt: addGenerationPrompt,
            bos_token: bosToken,
            eos_token: eosToken,
          },
          now,
        );
      return withToolArguments(messages, render);
    },
  };
}

/** How the library prints an object that a template joins to a string. */
const OBJECT_AS_TEXT = '[object Map]';

/**
 * OpenAI's tool calls carry their arguments as JSON text. Most templates want the object, as Hugging Face documents; a few
 * join the text itself, which shows in what they print.
 */
function withToolArguments(
  messages: readonly TemplateMessage[],
  render: (messages: readonly TemplateMessage[]) => string,
): string {
  const parsed = messages.map(parseToolArguments);
  const prompt = render(parsed);
  const changed = parsed.some((message, index) => message !== messages[index]);
  return changed && prompt.includes(OBJECT_AS_TEXT) ? render(messages) : prompt;
}

function parseToolArguments(message: TemplateMessage): TemplateMessage {
  const calls = message['tool_calls'];
  if (!Array.isArray(calls)) return message;
  return { ...message, tool_calls: calls.map(parseCall) };
}

function parseCall(call: unknown): unknown {
  const fn = isJsonObject(call) ? own(call, 'function') : undefined;
  const text = isJsonObject(fn) ? own(fn, 'arguments') : undefined;
  const parsed = typeof text === 'string' ? parseObject(text) : undefined;
  return parsed ? { ...(call as JsonObject), function: { ...(fn as JsonObject), arguments: parsed } } : call;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function renderPlain(messages: readonly TemplateMessage[]): string {
  return messages.map((message) => textOf(message.content)).join('\n');
}

/** The text of a content: itself, or that of its text parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? content.filter(isJsonObject) : [];
  return parts
    .map((part) => own(part, 'text'))
    .filter((text) => typeof text === 'string')
    .join('');
}
