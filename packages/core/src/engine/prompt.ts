// From what a caller gives to token ids: chat template and tokenizer in turn. Limits are checked in request.ts.
import { PagemindError } from '../errors.js';
import type { ChatTemplate } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Prompt } from './core.js';

/** What turns text into ids and back. */
export interface TextTools {
  readonly tokenizer: Tokenizer;
  /** Missing: no chat. */
  readonly chatTemplate?: ChatTemplate;
  /** As chat templates want them. */
  readonly bosToken?: string | undefined;
  readonly eosToken?: string | undefined;
}

/**
 * The ids of a prompt; `bosTokenId` alone when it has none.
 * @throws PagemindError `invalid_request` when the model lacks what the prompt needs or the template refuses the messages.
 */
export function encodePrompt(
  prompt: Prompt,
  text: TextTools | undefined,
  bosTokenId: number | undefined,
): readonly number[] {
  const ids = prompt.kind === 'tokens' ? [...prompt.ids] : encodeText(prompt, requireText(text));
  return ids.length === 0 && bosTokenId !== undefined ? [bosTokenId] : ids;
}

function encodeText(prompt: Exclude<Prompt, { readonly kind: 'tokens' }>, text: TextTools): number[] {
  const { tokenizer, chatTemplate, bosToken, eosToken } = text;
  if (prompt.kind === 'text') return tokenizer.encode(prompt.text, { addSpecialTokens: prompt.addSpecialTokens });
  if (!chatTemplate) {
    throw new PagemindError('invalid_request', 'This model has no chat template.', {
      hint: 'Continue a text or token ids instead, or add a chat_template.jinja to the model.',
    });
  }
  const rendered = chatTemplate.render(prompt.messages, { bosToken, eosToken, extra: prompt.templateOptions });
  return tokenizer.encode(rendered, { addSpecialTokens: chatTemplate.needsSpecialTokens });
}

/** @throws PagemindError `invalid_request` when the model was loaded without a tokenizer. */
export function requireText(text: TextTools | undefined): TextTools {
  if (text) return text;
  throw new PagemindError('invalid_request', 'This model was loaded without a tokenizer.', {
    hint: 'Give token ids and no stop strings, or add the tokenizer.json of the model.',
  });
}
