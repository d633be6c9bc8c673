// From what a caller gives to token ids and the places of images: chat template and tokenizer in turn. Limits are checked
// in request.ts; images were read before.
import { PagemindError } from '../errors.js';
import type { ImageBounds } from '../models/vlm/vlm-config.js';
import type { ImageSpan } from '../runner/runner.js';
import type { ChatTemplate, TemplateMessage } from '../text/chat-template.js';
import { type ContentStyle, contentStyleOf } from '../text/content-style.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ChatMessage, Prompt } from './core.js';
import { restBehind } from './held.js';
import { markRows, type PreparedImage, placeImages } from './images.js';

/** What turns text into ids and back. */
export interface TextTools {
  readonly tokenizer: Tokenizer;
  /** Missing: no chat. */
  readonly chatTemplate?: ChatTemplate;
  /** As chat templates want them. */
  readonly bosToken?: string | undefined;
  readonly eosToken?: string | undefined;
}

/** What the ids of a prompt depend on. */
export interface PromptTools {
  readonly text: TextTools | undefined;
  /** Stands for a prompt without tokens. */
  readonly bosTokenId: number | undefined;
  /** Of models that take images. */
  readonly imageTokenId: number | undefined;
  /** Of those that let any ids stand for rows of an image. */
  readonly imageBounds?: ImageBounds | undefined;
}

/** A prompt as the runner takes it. */
export interface EncodedPrompt {
  readonly ids: readonly number[];
  /** Which of the ids are rows of images. */
  readonly images: readonly ImageSpan[];
}

/**
 * The ids of a prompt; `bosTokenId` alone when it has none.
 * @param images those of the prompt, read, in order
 * @throws PagemindError `invalid_request` when the model lacks what the prompt needs, the template refuses the messages, or
 * the text holds another number of image markers than there are images.
 */
export function encodePrompt(
  prompt: Prompt,
  { text, bosTokenId, imageTokenId, imageBounds }: PromptTools,
  images: readonly PreparedImage[],
): EncodedPrompt {
  const encoded =
    prompt.kind === 'tokens' ? [...prompt.ids] : encodeText(prompt, requireText(text), imageTokenId, images);
  const given = encoded.length === 0 && bosTokenId !== undefined ? [bosTokenId] : encoded;
  if (images.length === 0 || imageTokenId === undefined) return { ids: given, images: [] };
  const ids = imageBounds ? markRows(given, imageTokenId, imageBounds) : given;
  return { ids, images: placeImages(ids, imageTokenId, images) };
}

function encodeText(
  prompt: Exclude<Prompt, { readonly kind: 'tokens' }>,
  text: TextTools,
  imageTokenId: number | undefined,
  images: readonly PreparedImage[],
): number[] {
  const { tokenizer } = text;
  const marker =
    imageTokenId === undefined ? undefined : tokenizer.decode([imageTokenId], { skipSpecialTokens: false });
  if (prompt.kind === 'text') {
    return tokenizer.encode(expandMarkers(prompt.text, marker, images), { addSpecialTokens: prompt.addSpecialTokens });
  }
  const { chatTemplate, bosToken, eosToken } = text;
  if (!chatTemplate) {
    throw new PagemindError('invalid_request', 'This model has no chat template.', {
      hint: 'Continue a text or token ids instead, or add a chat_template.jinja to the model.',
    });
  }
  const style = marker === undefined ? 'text' : contentStyleOf(chatTemplate, marker);
  // One moment for all: templates may print the time.
  const options = { bosToken, eosToken, extra: prompt.templateOptions, now: new Date() };
  const render = (messages: readonly ChatMessage[]): string =>
    chatTemplate.render(
      messages.map((message) => toTemplateMessage(message, style, marker ?? '')),
      options,
    );
  const { messages, held } = prompt;
  const rendered = render(messages);
  const rest = held && restBehind(held, { messages, images, imageTokenId, rendered, render });
  if (held && rest) {
    const numHeld = images.length - rest.images.length;
    const text = expandMarkers(rest.text, marker, rest.images, numHeld);
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    return [...held.ids, ...ids];
  }
  return tokenizer.encode(expandMarkers(rendered, marker, images), {
    addSpecialTokens: chatTemplate.needsSpecialTokens,
  });
}

/** The message with its content as the template wants it. */
function toTemplateMessage(message: ChatMessage, style: ContentStyle, marker: string): TemplateMessage {
  const { content } = message;
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  if (style === 'parts') {
    return { ...message, content: parts.map((part) => (part.type === 'image' ? { type: 'image' } : part)) };
  }
  return { ...message, content: parts.map((part) => (part.type === 'image' ? `${marker}\n` : part.text)).join('') };
}

/**
 * Every marker becomes what its image wants; without images the text stays as it is.
 * @param numBefore images of the prompt before this text
 */
function expandMarkers(
  text: string,
  marker: string | undefined,
  images: readonly PreparedImage[],
  numBefore = 0,
): string {
  if (marker === undefined || marker === '' || images.length === 0) return text;
  const pieces = text.split(marker);
  if (pieces.length - 1 !== images.length) {
    throw new PagemindError(
      'invalid_request',
      `The text holds ${pieces.length - 1} image markers (${marker}) for ${images.length} images.`,
      { hint: 'Put one marker where each image stands, and none into the text of messages.' },
    );
  }
  return pieces.map((piece, i) => piece + (images[i]?.promptText(marker, numBefore + i + 1) ?? '')).join('');
}

/** @throws PagemindError `invalid_request` when the model was loaded without a tokenizer. */
export function requireText(text: TextTools | undefined): TextTools {
  if (text) return text;
  throw new PagemindError('invalid_request', 'This model was loaded without a tokenizer.', {
    hint: 'Give token ids and no stop strings, or add the tokenizer files of the model.',
  });
}
