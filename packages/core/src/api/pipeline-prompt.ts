// What a pipeline is asked: tells one prompt from several, and turns each into a prompt of the engine. Nothing is read or
// decoded here.
//
// A string is always a prompt and an image never is one, so that no text a person wrote is taken for an address. Hence
// ['a', 'b'] is two prompts, and [text, image] or [text, [image, …]] is one.
import type { PixelValues, Prompt, PromptImage } from '../engine/core.js';
import type { ImageSource } from '../image/image-input.js';
import { invalid, isRecord } from './fields.js';
import type { ChatCompletionMessage } from './types.js';
import { validateChatCompletion } from './validate.js';

/** An image beside a text: whatever shows one, but for strings: an address is given as a `URL`. */
export type PipelineImage = Exclude<ImageSource, string> | PixelValues;

/** One prompt: a text, a conversation in OpenAI's shape, or a text with its image or images, which stand before it. */
export type PipelinePrompt =
  | string
  | readonly ChatCompletionMessage[]
  | readonly [text: string, images: PipelineImage | readonly PipelineImage[]];

type ImagedText = Extract<PipelinePrompt, readonly [text: string, images: unknown]>;

/** Prompts in order; `isBatch` tells a list of one from one. */
export interface PromptList<T> {
  readonly isBatch: boolean;
  readonly items: readonly T[];
}

/** Tells one prompt from a list of them. What the items are, {@link readPrompt} finds out. */
export function listPrompts(given: unknown): PromptList<unknown> {
  const isBatch = Array.isArray(given) && !isMessages(given) && !isImagedText(given);
  return { isBatch, items: isBatch ? given : [given] };
}

/**
 * Reads an untrusted prompt.
 * @param doPreprocess whether the model's chat template goes around it; without it, a text holds the image markers itself
 * @throws PagemindError `invalid_request`.
 */
export function readPrompt(given: unknown, doPreprocess: boolean): Prompt {
  if (isMessages(given)) {
    if (doPreprocess) return validateChatCompletion({ messages: given }).request.prompt;
    throw invalid('Messages need the chat template.', 'Give a text, or leave doPreprocess out.');
  }
  if (typeof given !== 'string' && !isImagedText(given)) {
    throw invalid(
      'This is no prompt.',
      'Give a text, a list of messages, or [text, image] where the address of an image is a URL object.',
    );
  }
  const [text, images = []] = typeof given === 'string' ? [given] : given;
  const list = [images].flat() as readonly PromptImage[]; // as soon as they are made ready to be sent
  if (!doPreprocess) return { kind: 'text', text, addSpecialTokens: true, images: list };
  const content = [...list.map((image) => ({ type: 'image', image })), { type: 'text', text }];
  return validateChatCompletion({ messages: [{ role: 'user', content }] }).request.prompt;
}

/** One message is enough: what is wrong with the others is told when they are read. */
function isMessages(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.some(isMessage);
}

function isImagedText(value: unknown): value is ImagedText {
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string') return false;
  return [value[1]].flat().every((image) => isRecord(image) && !isMessage(image));
}

function isMessage(value: unknown): boolean {
  return isRecord(value) && 'role' in value;
}
