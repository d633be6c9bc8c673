// The prompt of a command line: a text with or without chat template, messages of a file, or token ids; each with images.
import type { ChatMessage, Prompt } from '@pagemind/core/node';
import { type OptionTypes, readIds, readTextFile, stringOf, type Values } from './arguments.js';
import { contentOf, IMAGE_OPTIONS, readImages } from './images.js';
import { UsageError } from './usage.js';

export const PROMPT_OPTIONS: OptionTypes = {
  ...IMAGE_OPTIONS,
  prompt: { type: 'string' },
  messages: { type: 'string' },
  'input-ids': { type: 'string' },
  raw: { type: 'boolean' },
};

/** Reads the prompt and the files that it names. */
export async function readPrompt(values: Values): Promise<Prompt> {
  const [prompt, messages, ids] = ['prompt', 'messages', 'input-ids'].map((name) => stringOf(values, name));
  if ([prompt, messages, ids].filter((given) => given !== undefined).length !== 1) {
    throw new UsageError('Give exactly one of --prompt, --messages and --input-ids.');
  }
  const images = await readImages(values);
  if (ids !== undefined) return { kind: 'tokens', ids: await readIds(ids), images };
  if (values['raw'] === true && prompt !== undefined) {
    return { kind: 'text', text: prompt, addSpecialTokens: true, images };
  }
  const given =
    messages === undefined ? [{ role: 'user', content: prompt ?? '' }] : parseMessages(await readTextFile(messages));
  return { kind: 'messages', messages: showImages(given, images) };
}

interface TextMessage extends ChatMessage {
  readonly content: string;
}

/** The last message shows the images. */
function showImages(messages: readonly TextMessage[], images: readonly string[]): ChatMessage[] {
  const last = messages.length - 1;
  return messages.map((message, i) =>
    i === last ? { ...message, content: contentOf(message.content, images) } : message,
  );
}

/** A JSON list of {role, content}. */
function parseMessages(text: string): TextMessage[] {
  const wrong = new UsageError('--messages must name a JSON file with a list of {"role", "content"}.');
  let messages: unknown;
  try {
    messages = JSON.parse(text);
  } catch {
    throw wrong;
  }
  const isMessage = (value: unknown): value is TextMessage =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as ChatMessage).role === 'string' &&
    typeof (value as ChatMessage).content === 'string';
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage)) throw wrong;
  return messages;
}
