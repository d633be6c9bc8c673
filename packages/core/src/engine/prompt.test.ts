// From messages with images to ids: both kinds of templates, markers where the images stand, and markers that do not belong.
import { describe, expect, it } from 'vitest';
import { placeInOrder } from '../models/vlm/vlm-config.js';
import { createChatTemplate } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ChatMessage } from './core.js';
import type { PreparedImage } from './images.js';
import { encodePrompt } from './prompt.js';

const IMAGE = 1000;

/** One id per character, and one for the marker. */
const tokenizer = {
  encode: (text: string) =>
    text
      .split(/(<image>)/)
      .flatMap((piece) => (piece === '<image>' ? [IMAGE] : Array.from(piece, (c) => c.charCodeAt(0)))),
  decode: (ids: readonly number[]) => ids.map((id) => (id === IMAGE ? '<image>' : String.fromCharCode(id))).join(''),
} as Tokenizer;

function imageOf(numRows: number): PreparedImage {
  return {
    hash: `${numRows}`,
    tiles: new Float32Array(0),
    numTiles: 1,
    placement: placeInOrder(numRows),
    promptText: (marker) => `[${marker.repeat(numRows)}]`,
  };
}

function encode(template: string, messages: readonly ChatMessage[], images: readonly PreparedImage[]) {
  const text = { tokenizer, chatTemplate: createChatTemplate({ default: template }) };
  const tools = { text, bosTokenId: undefined, imageTokenId: IMAGE };
  const { ids, images: spans } = encodePrompt({ kind: 'messages', messages }, tools, images);
  return { text: tokenizer.decode(ids), spans: spans.map(({ firstToken, numRows }) => [firstToken, numRows]) };
}

const PARTS = `{% for m in messages %}{{ m.role[0] }}:{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %};{% endfor %}`;
const TEXT = `{% for m in messages %}{{ m.role[0] + ':' + m.content + ';' }}{% endfor %}`;

const messages: readonly ChatMessage[] = [
  {
    role: 'user',
    content: [
      { type: 'image', image: 'one' },
      { type: 'text', text: 'what?' },
    ],
  },
  { role: 'assistant', content: 'a cat' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'and' },
      { type: 'image', image: 'two' },
    ],
  },
];

describe('messages with images', () => {
  it('for a template that takes parts, strings become parts too', () => {
    const { text, spans } = encode(PARTS, messages, [imageOf(2), imageOf(1)]);
    expect(text).toBe('u:[<image><image>]what?;a:a cat;u:and[<image>];');
    expect(spans).toEqual([
      [3, 2],
      [26, 1],
    ]);
  });

  it('for a template that takes text, the marker stands on a line of its own', () => {
    const { text } = encode(TEXT, messages, [imageOf(2), imageOf(1)]);
    expect(text).toBe('u:[<image><image>]\nwhat?;a:a cat;u:and[<image>]\n;');
  });

  it('a marker that somebody wrote is refused beside images, and is text without them', () => {
    const forged = [{ role: 'user', content: 'an <image> of mine' }];
    expect(() => encode(TEXT, [...messages, ...forged], [imageOf(2), imageOf(1)])).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
    expect(encode(TEXT, forged, [])).toEqual({ text: 'u:an <image> of mine;', spans: [] });
  });
});
