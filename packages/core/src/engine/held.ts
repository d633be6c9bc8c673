// Whether a conversation can go on from the tokens of its earlier turns, and with which text. A model's template decides:
// what it shows in another way than it did has to be encoded anew, or the model would see what it was never trained on.
import type { ChatMessage, HeldTokens } from './core.js';
import { imagesOf, type PreparedImage } from './images.js';

/** What comes behind held tokens. */
export interface HeldRest {
  readonly text: string;
  /** Those of the messages that are not held. */
  readonly images: readonly PreparedImage[];
}

/** A whole conversation, and how its template shows it. */
export interface RenderedConversation {
  readonly messages: readonly ChatMessage[];
  /** Those of all messages, in order. */
  readonly images: readonly PreparedImage[];
  readonly imageTokenId: number | undefined;
  readonly rendered: string;
  /** The template, which opens an answer at the end. */
  readonly render: (messages: readonly ChatMessage[]) => string;
}

/**
 * What to put behind `held`, or undefined where the conversation does not begin with it any more: templates drop what
 * earlier answers thought, open an answer with words that they do not repeat, or move the system's message; and some
 * families read an image alone in another way than one of several.
 */
export function restBehind(
  held: HeldTokens,
  { messages, images, imageTokenId, rendered, render }: RenderedConversation,
): HeldRest | undefined {
  const heldMessages = messages.slice(0, held.numMessages);
  const numImages = imagesOf({ kind: 'messages', messages: heldMessages }).length;
  const numRows = images.slice(0, numImages).reduce((sum, { placement }) => sum + placement.numRows, 0);
  if (held.ids.filter((id) => id === imageTokenId).length !== numRows) return undefined;

  const last = heldMessages.at(-1);
  const answer = last?.role === 'assistant' ? last.content : undefined;
  const prompt = render(answer === undefined ? heldMessages : heldMessages.slice(0, -1));
  if (!rendered.startsWith(prompt)) return undefined;
  const text = textBehind(rendered.slice(prompt.length), answer ?? '');
  return text === undefined ? undefined : { text, images: images.slice(numImages) };
}

/** What follows an answer in `text`, or undefined where that begins with something else. */
function textBehind(text: string, answer: ChatMessage['content']): string | undefined {
  if (typeof answer !== 'string') return undefined;
  if (text.startsWith(answer)) return text.slice(answer.length);
  // Templates trim an answer, or put a space before it.
  const [start, trimmed] = [text.length - text.trimStart().length, answer.trim()];
  return text.startsWith(trimmed, start) ? text.slice(start + trimmed.length) : undefined;
}
