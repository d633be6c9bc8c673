// Tokenizers as the hubs ship them, in every format, against ids that other implementations made, and streaming against whole
// decoding.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { readGgufTexts } from '../testing/gguf-vocab.js';
import { createTokenizer, readTokenizerFiles } from './create-tokenizer.js';
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

/** The tokenizer of a folder; `hidden` files count as missing. */
async function load(folder: string, hidden: readonly string[] = []): Promise<Tokenizer> {
  const read = (path: string): Uint8Array | undefined => {
    const full = fixturesPath(`${folder}/${path}`);
    return hidden.includes(path) || !existsSync(full) ? undefined : readFileSync(full);
  };
  const files = await readTokenizerFiles({
    readBytes: async (path) => read(path),
    readText: async (path) => read(path)?.toString(),
  });
  return createTokenizer(files ?? {});
}

/** GPT-2's vocabulary lies in a GGUF file; these are the files that its hub has instead. */
async function loadGpt2(): Promise<Tokenizer> {
  const texts = readGgufTexts(readFileSync(fixturesPath(GPT2)));
  const tokens = texts.get('tokenizer.ggml.tokens') as string[];
  const vocabJson = JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id])));
  return createTokenizer({
    vocabJson,
    mergesTxt: ['#version: 0.2', ...(texts.get('tokenizer.ggml.merges') as string[])].join('\n'),
  });
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

function sentencePiece(name: string): Golden[] {
  const goldens: { inputs: string[]; ids_no_bos: Record<string, number[][]>; decoded: Record<string, string[]> } =
    JSON.parse(readText(`${GOLDENS}/sentencepiece.json`));
  return goldens.inputs.map((text, index) => ({
    text,
    ids: goldens.ids_no_bos[name]?.[index] ?? [],
    decoded: goldens.decoded[name]?.[index] ?? '',
  }));
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

/** The token of every single byte, where there is one; byte pieces before letters. */
function byteIds(tokenizer: Tokenizer): ReadonlyMap<number, number> {
  const ids = new Map<number, number>();
  for (let id = tokenizer.vocabSize - 1; id >= 0; id--) {
    const [byte, ...more] = tokenizer.tokenBytes?.(id) ?? [];
    if (byte !== undefined && more.length === 0) ids.set(byte, id);
  }
  return ids;
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

interface Subject {
  readonly name: string;
  /** What must be there. */
  readonly path: string;
  load(): Promise<Tokenizer>;
  /** Names in the goldens of transformers.js, llama.cpp and SentencePiece. */
  readonly transformersJs?: readonly string[];
  readonly llamaCpp?: string;
  readonly sentencePiece?: string;
  /** What a text is when it comes back; missing where some of it is lost. */
  givesBack?(text: string): string;
  /** The goldens were decoded with the clean-up. */
  readonly cleaned?: boolean;
}

const GPT2 = 'fixtures/gguf-vocab/ggml-vocab-gpt-2.gguf';

const same = (text: string): string => text;
const composed = (text: string): string => text.normalize('NFC');
/** SentencePiece spells a space with a character of its own. */
const spaced = (text: string): string => text.replaceAll('▁', ' ');
/** And Llama puts one at the start of every text, be it behind a special token; decoding takes back the first of all. */
const prefixed = (text: string): string => spaced(text).replace(/(<\/?s>|<unk>)(?=.)/gs, '$1 ');

function inFolder(path: string, rest: Partial<Subject> = {}, hidden: readonly string[] = []): Subject {
  return {
    name: [path, ...hidden.map((file) => `without ${file}`)].join(' '),
    path,
    load: () => load(path, hidden),
    ...rest,
  };
}

const SUBJECTS: readonly Subject[] = [
  inFolder('fixtures/tokenizers/qwen/qwen2.5', {
    transformersJs: ['Xenova/Qwen1.5-0.5B-Chat'],
    llamaCpp: 'qwen2',
    givesBack: composed,
  }),
  inFolder('fixtures/tokenizers/falcon', {
    transformersJs: ['tiiuae/falcon-7b'],
    llamaCpp: 'falcon',
    givesBack: same,
    cleaned: true,
  }),
  inFolder('fixtures/tokenizers/clip', { transformersJs: ['Xenova/clip-vit-base-patch16'], cleaned: true }),
  inFolder('fixtures/tokenizers/mistral-v1', { sentencePiece: 'mistral-v1', givesBack: prefixed }),
  inFolder('fixtures/tokenizers/mistral-v1', { sentencePiece: 'mistral-v1', givesBack: prefixed }, ['tokenizer.json']),
  inFolder('fixtures/models/tinystories-656k'),
  inFolder('fixtures/tokenizers/llama2', {
    transformersJs: ['Xenova/llama-tokenizer'],
    llamaCpp: 'llama-spm',
    sentencePiece: 'llama2',
    givesBack: prefixed,
  }),
  inFolder('fixtures/tokenizers/internlm2', { sentencePiece: 'internlm2', givesBack: spaced }),
  inFolder('fixtures/tokenizers/qwen', {
    transformersJs: ['Xenova/Qwen1.5-0.5B-Chat'],
    llamaCpp: 'qwen2',
    givesBack: composed,
  }),
  {
    name: GPT2,
    path: GPT2,
    load: loadGpt2,
    transformersJs: ['Xenova/gpt2', 'openai-community/gpt2'],
    llamaCpp: 'gpt-2',
    givesBack: same,
    cleaned: true,
  },
];

for (const subject of SUBJECTS) {
  describeWithFixtures(`tokenizer ${subject.name}`, subject.path, async () => {
    const tokenizer = await subject.load();

    describe.each(subject.transformersJs ?? [])('as in %s', (golden) => {
      it.each(transformersJs(golden))('$text', ({ text, ids, decoded }) => {
        expect(tokenizer.encode(text)).toEqual(ids);
        const whole = tokenizer.decode(ids);
        expect(subject.cleaned ? cleanedUp(whole) : whole).toBe(subject.cleaned ? cleanedUp(decoded) : decoded);
      });
    });
    if (subject.llamaCpp) {
      it.each(llamaCpp(subject.llamaCpp))('$text: ids of llama.cpp', ({ text, ids }) => {
        expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
      });
    }
    if (subject.sentencePiece) {
      it.each(sentencePiece(subject.sentencePiece))('$text: as SentencePiece has it', ({ text, ids, decoded }) => {
        expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual(ids);
        expect(tokenizer.decode(ids)).toBe(decoded);
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

    it('streams what it decodes, cut at every byte', { timeout: 120_000 }, () => {
      const idOf = byteIds(tokenizer);
      for (const text of hardTexts()) {
        const bytes = new TextEncoder().encode(text.slice(0, 40));
        const ids = Array.from(bytes, (byte) => idOf.get(byte) ?? 0);
        for (let length = 0; length <= ids.length; length++) {
          const cut = ids.slice(0, length);
          expect(stream(tokenizer, cut, false).join('')).toBe(tokenizer.decode(cut));
        }
      }
    });

    it('streams what it decodes when the bytes are no text', { timeout: 60_000 }, () => {
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

    if (subject.givesBack) {
      it('gives every text back', () => {
        for (const text of hardTexts()) {
          const decoded = tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }));
          expect(decoded).toBe(subject.givesBack?.(text));
        }
      });
    }
  });
}

describeWithFixtures('splits of pre-tokenizers', `${GOLDENS}/tokenizers.js`, (folder) => {
  interface Pattern {
    readonly id: string;
    readonly name?: string;
    readonly pattern: string;
    readonly behavior?: string;
    readonly invert?: boolean;
    readonly inputs?: readonly string[];
  }
  const { defaults, patterns } = JSON.parse(readFileSync(`${folder}/splitRegexPatterns.json`, 'utf8'));
  const oracle = JSON.parse(gunzipSync(readFileSync(`${folder}/splitRegexOracle.json.gz`)).toString());

  /** What JavaScript's regular expressions lack, listed so that an update of the library which changes it is seen. */
  const divergent = [
    'hub-059',
    'edge-ci-full-fold',
    'edge-g-anchor-digits',
    'edge-atomic-group',
    'edge-possessive-backtrack',
  ];

  it.each(patterns as Pattern[])('$id: $pattern', ({ id, name = id, pattern, ...rest }) => {
    const { behavior, invert, inputs } = { ...defaults, ...rest };
    const split = new SplitPreTokenizer({ type: 'Split', pattern: { Regex: pattern }, behavior, invert });
    const splits = inputs.map((text: string) => split.pre_tokenize_text(text));
    if (divergent.includes(id)) expect(splits).not.toEqual(oracle.tokens[name]);
    else expect(splits).toEqual(oracle.tokens[name]);
  });
});

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
