// Prompts: messages for a conversation, one growing text for a story.
import { describe, expect, it } from 'vitest';
import { chatPrompt, continuation, storyText, storyWindow } from './prompt.js';
import type { Turn } from './turns.js';

function turn(author: Turn['author'], text: string): Turn {
  return { id: 1, author, text, status: 'done' };
}

describe('a conversation', () => {
  const turns = [turn('person', 'Hi'), turn('model', 'Hello'), turn('person', 'Why?')];

  it('becomes messages', () => {
    expect(chatPrompt(turns, '', true)).toEqual({
      kind: 'messages',
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: 'Why?' },
      ],
    });
  });

  it('begins with the system prompt, if there is one', () => {
    expect(chatPrompt(turns, 'Be brief.', true)).toMatchObject({
      messages: [{ role: 'system', content: 'Be brief.' }, {}, {}, {}],
    });
    expect(chatPrompt(turns, ' \n', true)).toMatchObject({ messages: { length: 3 } });
  });
});

describe('a conversation with pictures', () => {
  const blob = new Blob(['x']);
  const shown = { ...turn('person', 'What is it?'), pictures: [{ id: 1, name: 'a', blob, thumbnail: blob }] };
  const parts = [
    { type: 'image', image: blob },
    { type: 'text', text: 'What is it?' },
  ];
  const contents = (...turns: Turn[]): unknown => {
    const prompt = chatPrompt(turns, '', true);
    return prompt.kind === 'messages' && prompt.messages.map(({ content }) => content);
  };

  it('sends those of earlier turns too, each before its words', () => {
    expect(contents(shown, turn('model', 'A cat.'), shown)).toEqual([parts, 'A cat.', parts]);
  });

  it('sends none to a model that takes none', () => {
    expect(chatPrompt([shown], '', false)).toEqual({
      kind: 'messages',
      messages: [{ role: 'user', content: 'What is it?' }],
    });
  });

  it('leaves out a question that was refused, and pictures that were refused later', () => {
    const refused: Turn = { ...shown, isRefused: true };
    expect(contents(refused, turn('person', 'Hi'))).toEqual(['Hi']);
    expect(contents(refused, turn('model', 'A cat.'), turn('person', 'Hi'))).toEqual(['What is it?', 'A cat.', 'Hi']);
  });
});

describe('a story', () => {
  it('is one text without a space at its end', () => {
    expect(storyText([turn('person', 'Once'), turn('model', ' upon a time. ')])).toBe('Once upon a time.');
  });

  it.each([
    ['', 'Once', 'Once'],
    ['Once', 'upon ', ' upon'],
    ['Once', ', upon', ', upon'],
    ['Once ', 'upon', 'upon'],
    ['The end.\n', 'Again', 'Again'],
    ['从前', '有座山', '有座山'],
    ['The end.', '', ''],
  ])('goes on from %j with %j as %j', (story, piece, expected) => {
    expect(continuation(story, piece)).toBe(expected);
  });

  it('that is too long is continued from its end', () => {
    const ids = Array.from({ length: 100 }, (_, index) => index);
    expect(storyWindow(ids, 120, 20)).toBeUndefined();
    expect(storyWindow(ids, 119, 20)).toEqual(ids.slice(1));
    expect(storyWindow(ids, 40, 1000)).toEqual(ids.slice(80));
  });
});
