// Tokenizers as the hubs ship them against ids that other implementations made, and streaming against whole decoding.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { createTokenizer } from './create-tokenizer.js';
import { createDetokenizer } from './detokenizer.js';
import { readSpecialTokens } from './special-tokens.js';
import type { Tokenizer } from './tokenizer.js';

const GOLDENS = 'fixtures/golden-tokenization';

interface Golden {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded: string;
}

function readText(path: string): string {
  return readFileSync(fixturesPath(path), 'utf8');
}

function load(folder: string): Tokenizer {
  return createTokenizer({ tokenizerJson: readText(`${folder}/tokenizer.json`) });
}

/** The clean-up of Hugging Face transformers, which some goldens were decoded with and we leave out. */
function cleanedUp(text: string): string {
  return text.replace(/ ([.?!,])/g, '$1').replace(/ (n't|'m|'s|'ve|'re)/g, '$1');
}

function transformersJs(name: string): Golden[] {
  const all: Record<string, Golden[]> = JSON.parse(readText(`${GOLDENS}/transformersjs.json`));
  return all[name] ?? [];
}

function llamaCpp(name: string): { text: string; ids: number[] }[] {
  const base = `${GOLDENS}/llama.cpp/ggml-vocab-${name}.gguf`;
  const ids = readText(`${base}.out`).split('\n');
  return readText(`${base}.inp`)
    .split('\n__ggml_vocab_test__\n')
    .map((text, index) => ({ text, ids: (ids[index] ?? '').split(' ').filter(Boolean).map(Number) }));
}

/** Every string that the goldens have, whichever tokenizer they were made for. */
function hardTexts(): string[] {
  const all: Record<string, Golden[]> = JSON.parse(readText(`${GOLDENS}/transformersjs.json`));
  const texts = Object.values(all)
    .flat()
    .map((golden) => golden.text);
  const { inputs }: { inputs: string[] } = JSON.parse(readText(`${GOLDENS}/sentencepiece.json`));
  return [...new Set([...texts, ...inputs, ...llamaCpp('qwen2').map((golden) => golden.text)])];
}

function stream(tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens: boolean): string[] {
  const detokenizer = createDetokenizer(tokenizer, { skipSpecialTokens });
  return [...ids.map((id) => detokenizer.push(id)), detokenizer.flush()];
}

/** Fixed ids from all over the vocabulary, most of them bytes that are no UTF-8 in this order. */
function strayIds(tokenizer: Tokenizer): number[] {
  const isStray = (id: number): boolean => tokenizer.tokenBytes?.(id)?.every((byte) => byte > 0x7f) ?? false;
  const stray = Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter(isStray);
  const anywhere = (index: number): number => (index * 7_919) % (tokenizer.vocabSize + 3);
  return Array.from(
    { length: 3_000 },
    (_, i) => (i % 5 === 0 ? undefined : stray[(i * 31) % stray.length]) ?? anywhere(i),
  );
}

const TOKENIZERS = [
  { folder: 'fixtures/tokenizers/qwen/qwen2.5', golden: 'Xenova/Qwen1.5-0.5B-Chat', llamaCpp: 'qwen2', cleaned: false },
  { folder: 'fixtures/tokenizers/falcon', golden: 'tiiuae/falcon-7b', llamaCpp: 'falcon', cleaned: true },
  { folder: 'fixtures/tokenizers/clip', golden: 'Xenova/clip-vit-base-patch16', llamaCpp: undefined, cleaned: true },
  { folder: 'fixtures/tokenizers/mistral-v1', golden: undefined, llamaCpp: undefined, cleaned: false },
  { folder: 'fixtures/models/tinystories-656k', golden: undefined, llamaCpp: undefined, cleaned: false },
];

for (const { folder, golden, llamaCpp: vocab, cleaned } of TOKENIZERS) {
  describeWithFixtures(`tokenizer ${folder}`, folder, () => {
    const tokenizer = load(folder);

    if (golden) {
      it.each(transformersJs(golden))(`$text: ids and text of ${golden}`, ({ text, ids, decoded }) => {
        expect(tokenizer.encode(text)).toEqual(ids);
        const whole = tokenizer.decode(ids);
        expect(cleaned ? cleanedUp(whole) : whole).toBe(decoded);
      });
    }
    if (vocab) {
      it.each(llamaCpp(vocab))(`$text: ids of llama.cpp ${vocab}`, ({ text, ids }) => {
        expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
      });
    }

    it('streams what it decodes, cut at every token', { timeout: 120_000 }, () => {
      const texts = hardTexts();
      for (const text of [...texts, texts.join('\n')]) {
        const ids = tokenizer.encode(text);
        for (const skipSpecialTokens of [false, true]) {
          const pieces = stream(tokenizer, ids, skipSpecialTokens);
          expect(pieces.join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
        }
        if (ids.length > 120) continue;
        for (let length = 0; length < ids.length; length++) {
          const cut = ids.slice(0, length);
          expect(stream(tokenizer, cut, false).join('')).toBe(tokenizer.decode(cut));
        }
      }
    });

    it('streams what it decodes when the bytes are no text', () => {
      const ids = strayIds(tokenizer);
      for (const skipSpecialTokens of [false, true]) {
        expect(stream(tokenizer, ids, skipSpecialTokens).join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
      }
    });

    it('knows the bytes of its tokens', () => {
      for (const text of ['Hello, world! 你好 🙂\n', '\tdef f(x): return 10 ** 3']) {
        const ids = tokenizer.encode(text, { addSpecialTokens: false });
        const bytes = ids.flatMap((id) => [...(tokenizer.tokenBytes?.(id) ?? [])]);
        const endOfWord = /<\/w>/g;
        const joined = new TextDecoder().decode(Uint8Array.from(bytes)).replace(endOfWord, ' ');
        expect(joined.trim()).toBe(tokenizer.decode(ids, { skipSpecialTokens: true }).trim());
      }
    });
  });
}

describeWithFixtures(
  'tokenizer and special tokens of tinystories-656k',
  'fixtures/models/tinystories-656k',
  (folder) => {
    const read = (file: string): string => readFileSync(`${folder}/${file}`, 'utf8');
    const files = { tokenizerJson: read('tokenizer.json'), tokenizerConfigJson: read('tokenizer_config.json') };
    const tokenizer = createTokenizer(files);

    it('encodes the prompts of golden.json', () => {
      const { prompts }: { prompts: { prompt: string; input_ids: number[] }[] } = JSON.parse(read('golden.json'));
      for (const { prompt, input_ids } of prompts) expect(tokenizer.encode(prompt)).toEqual(input_ids);
    });

    it('finds where a story begins and ends', () => {
      const tokens = readSpecialTokens(
        {
          ...files,
          specialTokensMapJson: read('special_tokens_map.json'),
          generationConfigJson: read('generation_config.json'),
          configJson: read('config.json'),
        },
        tokenizer,
      );
      expect(tokens).toEqual({ bosToken: '<|start_story|>', eosToken: '<|end_story|>', bosId: 1, stopIds: [2] });
      expect([tokenizer.bosId, tokenizer.eosId, tokenizer.vocabSize]).toEqual([1, 2, 2048]);
    });
  },
);

describeWithFixtures('tokenizer mistral-v1 against SentencePiece', 'fixtures/tokenizers/mistral-v1', (folder) => {
  interface SentencePieceGoldens {
    readonly inputs: string[];
    readonly ids_no_bos: Record<string, number[][]>;
    readonly decoded: Record<string, string[]>;
  }
  const goldens: SentencePieceGoldens = JSON.parse(readText(`${GOLDENS}/sentencepiece.json`));
  const tokenizer = createTokenizer({
    tokenizerJson: readFileSync(`${folder}/tokenizer.json`, 'utf8'),
    tokenizerConfigJson: readFileSync(`${folder}/tokenizer_config.json`, 'utf8'),
  });
  const cases = goldens.inputs.map((text, index) => ({
    text,
    ids: goldens.ids_no_bos['mistral-v1']?.[index] ?? [],
    decoded: goldens.decoded['mistral-v1']?.[index] ?? '',
  }));

  it.each(cases)('$text', ({ text, ids, decoded }) => {
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  });
});
