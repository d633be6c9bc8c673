// Golden GGUF files: numbers of tensors exactly, configurations, and vocabularies against ids of llama.cpp.
import { readFileSync } from 'node:fs';
import { dequantizeGgml, f16ToF32, type GgmlType } from '@pagemind/quant';
import { describe, expect, it } from 'vitest';
import { folderSource } from '../platform/node-source.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { readTensors } from '../testing/tensors.js';
import { createTokenizer } from '../text/create-tokenizer.js';
import { openCheckpoint } from './checkpoint.js';
import { readGgufHeader } from './gguf.js';
import { readGgufTokenizer } from './gguf-tokenizer.js';
import { bytesSource } from './memory-source.js';
import type { TensorEntry } from './tensor-entry.js';

const CASES = [
  ...['f16', 'q40', 'q41', 'q4km', 'q50', 'q6k', 'q80'].map((type) => `llama-gguf-${type}`),
  ...['f16', 'q40'].map((type) => `qwen2-gguf-${type}`),
];

/** The numbers of a tensor, heads in their right order. */
async function numbersOf({ dtype, shape, offset, length, source, headDim }: TensorEntry): Promise<Float32Array> {
  const bytes = await source.read(offset, length);
  const values =
    dtype === 'F16'
      ? Float32Array.from(new Uint16Array(bytes.buffer), f16ToF32)
      : dequantizeGgml(dtype as GgmlType, bytes);
  if (headDim === undefined) return values;
  const columns = shape[1] ?? 0;
  const ordered = new Float32Array(values.length);
  for (let row = 0; row * columns < values.length; row++) {
    const inHead = row % headDim;
    const to = row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    ordered.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return ordered;
}

describeWithFixtures('GGUF goldens', 'goldens/llama-gguf-f16/model.gguf', () => {
  it.each(CASES)('%s: dequantised tensors are exact', async (name) => {
    const checkpoint = await openCheckpoint(folderSource(fixturesPath(`goldens/${name}`)));
    const golden = readTensors(readFileSync(fixturesPath(`goldens/${name}/golden.safetensors`)));
    const stored = [...golden].filter(([tensor]) => tensor.startsWith('dequant.'));
    expect(stored.length).toBeGreaterThan(0);
    for (const [tensor, { values }] of stored) {
      const entry = checkpoint.tensors.get(tensor.slice('dequant.'.length)) as TensorEntry;
      expect((await numbersOf(entry)).subarray(0, values.length), tensor).toEqual(values);
    }
  });

  it('describes a model as config.json does', async () => {
    const { config, generationConfig, readText } = await openCheckpoint(
      folderSource(fixturesPath('goldens/llama-gguf-q40')),
    );
    expect(config).toEqual({
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 288,
      hidden_size: 96,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 6,
      num_key_value_heads: 2,
      head_dim: 16,
      max_position_embeddings: 2048,
      rms_norm_eps: Math.fround(0.001),
      rope_theta: 500000,
      attention_bias: false,
      mlp_bias: false,
      tie_word_embeddings: false,
      bos_token_id: 1,
      eos_token_id: [2],
    });
    expect(generationConfig).toEqual({ bos_token_id: 1, eos_token_id: [2] });
    expect(JSON.parse((await readText('config.json')) ?? '')).toEqual(config);
    expect(JSON.parse((await readText('tokenizer_config.json')) ?? '')).toMatchObject({
      bos_token: '<s>',
      eos_token: '</s>',
      chat_template: expect.stringContaining('im_start'),
    });
  });
});

describeWithFixtures('GGUF vocabularies', 'fixtures/gguf-vocab', () => {
  describe.each([
    ['ggml-vocab-llama-spm', 'llama-spm'],
    ['ggml-vocab-gpt-2', 'gpt-2'],
  ])('%s', (file, golden) => {
    const read = (kind: string): string =>
      readFileSync(fixturesPath(`fixtures/golden-tokenization/llama.cpp/ggml-vocab-${golden}.gguf.${kind}`), 'utf8');

    it('gives the ids of llama.cpp', { timeout: 60_000 }, async () => {
      const bytes = readFileSync(fixturesPath(`fixtures/gguf-vocab/${file}.gguf`));
      const { metadata } = await readGgufHeader(bytesSource(bytes, file), file);
      const texts = readGgufTokenizer(metadata, file);
      const tokenizer = createTokenizer({
        tokenizerJson: texts['tokenizer.json'] ?? '',
        tokenizerConfigJson: texts['tokenizer_config.json'],
      });
      const ids = read('out').split('\n');
      read('inp')
        .split('\n__ggml_vocab_test__\n')
        .forEach((text, i) => {
          const wanted = (ids[i] ?? '').split(' ').filter(Boolean).map(Number);
          expect(tokenizer.encode(text, { addSpecialTokens: false }), JSON.stringify(text)).toEqual(wanted);
        });
    });
  });
});
