// From messages with images to ids: both kinds of templates, markers where the images stand, and markers that do not belong.
import { describe, expect, it } from 'vitest';
import { placeInOrder } from '../models/vlm/vlm-config.js';
import { createChatTemplate } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ChatMessage, HeldTokens } from './core.js';
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

describe('ids with bounds around images', () => {
  const tools = { text: undefined, bosTokenId: undefined, imageTokenId: IMAGE, imageBounds: { startId: 7, endId: 8 } };
  const ids = [1, 7, 20, 8, 21, 7, 8, 7, 22, 23, 8];

  it('take whatever stands between them for rows', () => {
    const encoded = encodePrompt({ kind: 'tokens', ids }, tools, [imageOf(1), imageOf(2)]);
    expect(encoded.ids).toEqual([1, 7, IMAGE, 8, 21, 7, 8, 7, IMAGE, IMAGE, 8]);
    expect(encoded.images.map(({ firstToken, numRows }) => [firstToken, numRows])).toEqual([
      [2, 1],
      [8, 2],
    ]);
  });

  it('stay as they are without images', () => {
    expect(encodePrompt({ kind: 'tokens', ids }, tools, [])).toEqual({ ids, images: [] });
  });

  it('are refused where the end is missing', () => {
    expect(() => encodePrompt({ kind: 'tokens', ids: [7, 1, 2] }, tools, [imageOf(1)])).toThrowError(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

describe('a conversation that goes on', () => {
  const CHATML = `{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
  const LLAMA2 = `{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content.strip() }} [/INST]{% else %} {{ m.content.strip() }} </s>{% endif %}{% endfor %}`;
  const FORGETFUL = `{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] if not loop.last else m.content }}<|end|>{% endfor %}<|assistant|>`;
  const OPENING = `{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|><think>`;
  const SYSTEM_LAST = `{% for m in messages %}{% if m.role == 'user' %}[INST]{% if loop.last %}Be kind. {% endif %}{{ m.content }}[/INST]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}`;

  /** The second prompt, where `#` stands for the tokens of the first one and its answer. */
  function goOn(template: string, answer: string, holdsAnswer = true): string {
    const text = { tokenizer, chatTemplate: createChatTemplate({ default: template }) };
    const said: ChatMessage[] = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: answer },
    ];
    const held: HeldTokens = { ids: [35], numMessages: holdsAnswer ? 2 : 1 };
    const all = [...said, { role: 'user', content: 'And?' }];
    const tools = { text, bosTokenId: undefined, imageTokenId: IMAGE };
    return tokenizer.decode(encodePrompt({ kind: 'messages', messages: all, held }, tools, []).ids);
  }

  it.each([
    ['with what ends an answer', CHATML, 'Hello', '#<|end|>\n<|user|>And?<|end|>\n<|assistant|>'],
    ['with what the template trims', LLAMA2, ' Hello\n', '# </s>[INST] And? [/INST]'],
    ['with an answer as it was, spaces and all', CHATML, ' Hello \n', '#<|end|>\n<|user|>And?<|end|>\n<|assistant|>'],
    ['behind an empty answer', CHATML, '', '#<|end|>\n<|user|>And?<|end|>\n<|assistant|>'],
    ['where nothing was dropped', FORGETFUL, 'Hello', '#<|end|><|user|>And?<|end|><|assistant|>'],
  ])('keeps its tokens, %s', (_, template, answer, prompt) => {
    expect(goOn(template, answer)).toBe(prompt);
  });

  it.each([
    [
      'drops a thought',
      FORGETFUL,
      'Well…</think>Hello',
      '<|user|>Hi<|end|><|assistant|>Hello<|end|><|user|>And?<|end|><|assistant|>',
    ],
    [
      'opens an answer with words of its own',
      OPENING,
      'Hello',
      '<|user|>Hi<|end|><|assistant|>Hello<|end|><|user|>And?<|end|><|assistant|><think>',
    ],
    ['moves the instructions to the end', SYSTEM_LAST, 'Hello', '[INST]Hi[/INST]Hello</s>[INST]Be kind. And?[/INST]'],
  ])('is encoded anew where the template %s', (_, template, answer, prompt) => {
    expect(goOn(template, answer)).toBe(prompt);
  });

  it('encodes an answer that is not held', () => {
    expect(goOn(CHATML, 'Hello', false)).toBe('#Hello<|end|>\n<|user|>And?<|end|>\n<|assistant|>');
  });

  it('goes on counting images where it stopped', () => {
    const text = { tokenizer, chatTemplate: createChatTemplate({ default: TEXT }) };
    const tools = { text, bosTokenId: undefined, imageTokenId: IMAGE };
    const held: HeldTokens = { ids: [35, IMAGE], numMessages: 1 };
    const numbered = { ...imageOf(1), promptText: (marker: string, number: number) => `${number}${marker}` };
    const encoded = encodePrompt({ kind: 'messages', messages, held }, tools, [numbered, numbered]);
    expect(tokenizer.decode(encoded.ids)).toBe('#<image>a:a cat;u:and2<image>\n;');
    const anew = encodePrompt({ kind: 'messages', messages }, tools, [numbered, numbered]);
    expect(tokenizer.decode(anew.ids)).toBe('u:1<image>\nwhat?;a:a cat;u:and2<image>\n;');
  });

  it('is encoded anew when an image takes other tokens beside a second one', () => {
    const text = { tokenizer, chatTemplate: createChatTemplate({ default: TEXT }) };
    const tools = { text, bosTokenId: undefined, imageTokenId: IMAGE };
    const encodeWith = (numRows: number): string => {
      const held: HeldTokens = { ids: [35, IMAGE, IMAGE], numMessages: 1 };
      const images = [imageOf(numRows), imageOf(1)];
      return tokenizer.decode(encodePrompt({ kind: 'messages', messages, held }, tools, images).ids);
    };
    expect(encodeWith(2)).toBe('#<image><image>a:a cat;u:and[<image>]\n;');
    expect(encodeWith(1)).toBe('u:[<image>]\nwhat?;a:a cat;u:and[<image>]\n;');
  });
});
