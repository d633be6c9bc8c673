// The text side of checkpoints put together from their files: tokenizer, template and what ends an answer.
import { describe, expect, it } from 'vitest';
import { assembleText, assembleTokenizer } from './assemble-text.js';
import type { Checkpoint } from './load/checkpoint.js';
import type { ModelSource } from './load/source.js';
import { type PieceSpec, SPECIAL_PIECES, writeSentencePiece } from './testing/sentencepiece-writer.js';

const LETTERS: readonly PieceSpec[] = [...'▁abcuserit'].filter((c, i, all) => all.indexOf(c) === i).map((c) => [c, 0]);
const MARKS: readonly PieceSpec[] = ['[UNUSED_TOKEN_145]', '[UNUSED_TOKEN_146]'].map((text) => [
  text,
  0,
  'userDefined',
]);
const VOCABULARY = writeSentencePiece({ type: 'bpe', pieces: [...SPECIAL_PIECES, ...MARKS, ...LETTERS] });

function checkpointOf(config: object, texts: Readonly<Record<string, string>>, vocabulary = VOCABULARY): Checkpoint {
  return {
    name: 'm',
    config: config as Checkpoint['config'],
    generationConfig: undefined,
    tensors: new Map(),
    readText: async (path) => texts[path],
    readBytes: async (path) => (path === 'tokenizer.model' ? vocabulary : undefined),
  };
}

const MESSAGES = [{ role: 'user', content: 'a' }];
const NAMES = JSON.stringify({
  added_tokens_decoder: { 4: { content: '<|im_start|>' }, 3: { content: '<|im_end|>' } },
});

describe('assembleText', () => {
  it('takes the template and the turn ends of the family when the checkpoint has none', async () => {
    const { tools, defaults, hasChatTemplate } = await assembleText(
      checkpointOf({ model_type: 'internlm2' }, { 'tokenizer_config.json': NAMES }),
      undefined,
    );
    expect(tools?.chatTemplate?.render(MESSAGES)).toBe('<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n');
    expect([tools?.chatTemplate?.needsSpecialTokens, tools?.bosToken, hasChatTemplate]).toEqual([true, '<s>', true]);
    expect(defaults).toMatchObject({ bosTokenId: 1, eosTokenIds: [2, 3] });
  });

  it('takes the checkpoint’s own before that of the family', async () => {
    const own = "{{ messages[0].content + '<|im_end|>' }}";
    const texts = {
      'chat_template.jinja': own,
      'tokenizer_config.json': NAMES,
      'generation_config.json': '{"eos_token_id":7}',
    };
    const { tools, defaults } = await assembleText(checkpointOf({ model_type: 'internlm2' }, texts), undefined);
    expect(tools?.chatTemplate?.render(MESSAGES)).toBe('a<|im_end|>');
    expect(tools?.chatTemplate?.needsSpecialTokens).toBe(false);
    expect(defaults.eosTokenIds).toEqual([2, 3, 7]);
  });

  it('knows Llama 3 by its vocabulary alone, as Meta publishes it', async () => {
    const lines = Array.from({ length: 128_000 }, (_, rank) => {
      const bytes = rank < 256 ? [rank] : [rank & 255, (rank >> 8) & 255, rank >> 16];
      return `${btoa(String.fromCharCode(...bytes))} ${rank}\n`;
    });
    const vocabulary = new TextEncoder().encode(lines.join(''));
    const { tools, defaults } = await assembleText(checkpointOf({ model_type: 'llama' }, {}, vocabulary), undefined);
    const turn = tools?.chatTemplate?.render(MESSAGES) ?? '';
    expect(turn).toBe(
      '<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    );
    expect(tools?.tokenizer.encode(turn).slice(0, 2)).toEqual([128_000, 128_006]);
    expect(defaults).toMatchObject({ bosTokenId: 128_000, eosTokenIds: [128_001, 128_008, 128_009] });
  });

  it('looks at the language model of several parts', async () => {
    const config = { model_type: 'internvl', text_config: { model_type: 'internlm2' } };
    const { hasChatTemplate } = await assembleText(checkpointOf(config, {}), undefined);
    expect(hasChatTemplate).toBe(true);
  });

  it('looks at the decoder where config.json does not set it apart', async () => {
    const config = { architectures: ['Qwen2VLForConditionalGeneration'], model_type: 'another' };
    const texts = { 'tokenizer_config.json': NAMES };
    const { hasChatTemplate } = await assembleText(checkpointOf(config, texts), undefined);
    expect(hasChatTemplate).toBe(true);
  });

  it('gives images a token where the authors’ code replaces a text, unless the vocabulary has one', async () => {
    const config = { architectures: ['LlavaQwenForCausalLM'], image_token_index: 99 };
    const { tools } = await assembleText(checkpointOf(config, {}), undefined);
    expect(tools?.tokenizer.encode('a<image>b', { addSpecialTokens: false })).toContain(99);
    expect(tools?.tokenizer.decode([99])).toBe('<image>');
    const taken = await assembleText(checkpointOf({ ...config, image_token_index: 3 }, {}), undefined);
    expect(taken.tools?.tokenizer.tokenToId('<image>')).toBeUndefined();
  });

  it('joins contents as they are for families that are not known to chat', async () => {
    const { tools, hasChatTemplate } = await assembleText(checkpointOf({ model_type: 'llama' }, {}), undefined);
    expect([tools?.chatTemplate?.render(MESSAGES), hasChatTemplate]).toEqual(['a', false]);
  });
});

describe('assembleTokenizer', () => {
  const source = (files: Readonly<Record<string, Uint8Array>>): ModelSource => ({
    name: 'folder',
    open: async (path) => {
      const bytes = files[path];
      return (
        bytes && { size: bytes.length, read: async (at, length) => Uint8Array.from(bytes.subarray(at, at + length)) }
      );
    },
  });

  it('needs nothing but a tokenizer file', async () => {
    const tokenizer = await assembleTokenizer(source({ 'tokenizer.model': VOCABULARY }));
    expect(tokenizer.decode(tokenizer.encode('a b', { addSpecialTokens: false }))).toBe('a b');
  });

  it('says what it looked for', async () => {
    await expect(assembleTokenizer(source({}))).rejects.toThrow(
      expect.objectContaining({ code: 'file_missing', hint: expect.stringMatching(/tokenizer\.json.*qwen\.tiktoken/) }),
    );
  });
});
