// Turns → the prompt that the engine gets: messages for a model with a chat template, plain text for one that only
// continues text. Pure.
import type { ChatMessage, Prompt } from '@pagemind/core/client';
import type { Turn } from './turns.js';

/** `chat`: question and answer. `story`: the model continues what is written. */
export type Mode = 'chat' | 'story';

/** Some models of plain text have learnt to write their end marker out, letter by letter. */
export const STORY_ENDS: readonly string[] = ['<|end_story|>', '<|endoftext|>', '</s>'];

/** Asks for what there is to see. In English: the small models that see know no other language. */
export const DESCRIBE = 'Describe the picture.';

/** @param takesPictures of a model that does not, a conversation with another one may still hold some */
export function chatPrompt(turns: readonly Turn[], systemPrompt: string, takesPictures: boolean): Prompt {
  const system: ChatMessage[] = systemPrompt.trim() === '' ? [] : [{ role: 'system', content: systemPrompt }];
  // A question whose pictures were refused, and which has no answer for that reason, was never asked.
  const asked = turns.filter(({ isRefused }, index) => !isRefused || turns[index + 1]?.author === 'model');
  const spoken = asked.map(
    (turn): ChatMessage => ({
      role: turn.author === 'person' ? 'user' : 'assistant',
      content: takesPictures ? contentOf(turn) : turn.text,
    }),
  );
  return { kind: 'messages', messages: [...system, ...spoken] };
}

/** The pictures first, as models learn it. */
function contentOf({ text, pictures, isRefused }: Turn): ChatMessage['content'] {
  if (!pictures || isRefused) return text;
  return [...pictures.map(({ blob }) => ({ type: 'image' as const, image: blob })), { type: 'text', text }];
}

/** The whole story. Tokens hold the space before a word, so a space at the end would lead the model astray. */
export function storyText(turns: readonly Turn[]): string {
  const text = turns.map((turn) => turn.text).join('');
  return text.replace(/ +$/, '');
}

/** A person's piece as it continues `story`: with a space between where one is due. */
export function continuation(story: string, piece: string): string {
  const text = piece.replace(/[ \t]+$/, '');
  const isDue = story !== '' && text !== '' && !/\s$/.test(story) && !/^[\s.,;:!?…’'”)\]，。！？、；：]/u.test(text);
  return isDue && !isCjk(story.at(-1)) ? ` ${text}` : text;
}

/** The end of a story that leaves room for an answer: the last ids that fit. `undefined`: all of it fits. */
export function storyWindow(ids: readonly number[], sessionLen: number, maxTokens: number): number[] | undefined {
  const room = Math.min(maxTokens, Math.floor(sessionLen / 2));
  return ids.length + room <= sessionLen ? undefined : ids.slice(ids.length - (sessionLen - room));
}

function isCjk(char: string | undefined): boolean {
  return char !== undefined && /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u.test(char);
}
