// GGUF headers: what is read, what is refused and by what name, and that no damage brings anything but a PagemindError.
import { describe, expect, it } from 'vitest';
import { type GgufItem, type GgufTensorData, item, writeGguf } from '../testing/gguf-writer.js';
import { watchedSource } from '../testing/watched-source.js';
import { createTokenizer } from '../text/create-tokenizer.js';
import { openCheckpoint } from './checkpoint.js';
import { fileInSource } from './file-in-source.js';
import { readGgufHeader } from './gguf.js';
import { bytesSource, memorySource } from './memory-source.js';

const F32 = 0;
const Q4_0 = 2;

/** A tensor of zeros. */
function zeros(type: number, ...dims: readonly number[]): GgufTensorData {
  const numElements = dims.reduce((product, size) => product * size, 1);
  return { type, dims, data: new Uint8Array(type === Q4_0 ? (numElements / 32) * 18 : numElements * 4) };
}

const METADATA: Readonly<Record<string, GgufItem>> = {
  'general.architecture': item('llama'),
  'llama.context_length': item(64),
  'llama.embedding_length': item(32),
  'llama.block_count': item(1),
  'llama.feed_forward_length': item(32),
  'llama.attention.head_count': item(4),
  'llama.attention.layer_norm_rms_epsilon': item(1e-5),
  'tokenizer.ggml.model': item('llama'),
  'tokenizer.ggml.tokens': item(['<unk>', '<s>', '</s>', '<0x0A>', 'a', 'b', 'ab', '▁', '▁a']),
  'tokenizer.ggml.scores': item([0.5, 0, 0, 0, -3, -4, -1, -5, -2]),
  'tokenizer.ggml.token_type': item([2, 3, 3, 6, 1, 1, 1, 1, 1]),
  'tokenizer.ggml.bos_token_id': item(1),
  'tokenizer.ggml.eos_token_id': item(2),
};

const TENSORS: Readonly<Record<string, GgufTensorData>> = {
  'token_embd.weight': zeros(Q4_0, 32, 9),
  'output_norm.weight': zeros(F32, 32),
  'blk.0.attn_q.weight': zeros(Q4_0, 32, 32),
  'blk.0.attn_v.weight': zeros(F32, 32, 32),
};

const headerOf = (bytes: Uint8Array) => readGgufHeader(bytesSource(bytes, 'm.gguf'), 'm.gguf');
const open = (metadata: Readonly<Record<string, GgufItem>>, tensors = TENSORS) =>
  openCheckpoint(memorySource({ 'm.gguf': writeGguf(metadata, tensors) }));

describe('readGgufHeader', () => {
  it('reads metadata of every kind, and where tensors lie', async () => {
    const nested: GgufItem = { type: 'list', of: 'list', value: [item([1, 2]), item(['x'])] };
    const metadata = { a: item(7), b: item(0.5), c: item(true), d: item('\ufeffé'), e: nested, f: item([]) };
    const bytes = writeGguf({ ...metadata, big: { type: 'u64', value: 2 ** 40 } }, TENSORS);
    const header = await headerOf(bytes);
    expect([...header.metadata.values()]).toEqual([7, 0.5, true, '\ufeffé', [[1, 2], ['x']], [], 2 ** 40]);
    expect([...header.tensors.keys()]).toEqual(Object.keys(TENSORS));
    const embedding = header.tensors.get('token_embd.weight');
    expect(embedding).toMatchObject({ dtype: 'Q4_0', shape: [9, 32], length: 162 });
    expect((embedding?.offset ?? 1) % 32).toBe(0);
  });

  it('reads a header that is longer than its first read, and no byte of it twice', async () => {
    const words = Array.from({ length: 6_000 }, (_, i) => `word${i}`);
    const bytes = writeGguf({ words: item(words) }, TENSORS);
    const file = await watchedSource({ 'm.gguf': bytes }, 1).open('m.gguf');
    if (!file) throw new Error('the file is there');
    expect((await readGgufHeader(file, 'm.gguf')).metadata.get('words')).toEqual(words);
  });

  const bytesAt = (bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array => {
    const copy = bytes.slice();
    copy.set(values, at);
    return copy;
  };
  const good = writeGguf({}, { t: zeros(F32, 8) });
  const twins = { x1: zeros(F32, 8), x2: zeros(F32, 8) };

  it.each<[string, Uint8Array, string]>([
    ['no magic', bytesAt(good, 0, 0), 'does not begin with GGUF'],
    ['too many tensors', bytesAt(good, 8, 0, 0, 16), 'claims 1048576 tensors'],
    ['more keys than bytes', bytesAt(good, 16, 0xff, 0xff), 'keys'],
    ['a huge name', bytesAt(good, 24, 0xff, 0xff, 0xff, 0xff), 'bytes of a text'],
    ['no dimensions', bytesAt(good, 33, 0), 'has 0 dimensions'],
    ['a huge dimension', bytesAt(good, 37, 0, 0, 0, 0, 0, 0, 0, 0xff), 'has the shape'],
    ['an unknown type', bytesAt(good, 45, 99), 'unknown type 99'],
    ['an offset that is not aligned', bytesAt(good, 49, 1), 'not aligned'],
    ['a tensor behind the end', bytesAt(good, 49, 32), 'ends at byte'],
    ['a cut header', good.slice(0, 40), 'ends behind its last byte'],
    ['a strange alignment', writeGguf({ 'general.alignment': item(24) }, {}), 'general.alignment is "24"'],
    ['two equal names', bytesAt(writeGguf({}, twins), 24 + 34 + 9, 0x31), '"x1" is there twice'],
    ['tensors that overlap', bytesAt(writeGguf({}, twins), 24 + 34 + 10 + 16, 0), 'overlap'],
    ['rows that are no whole blocks', writeGguf({}, { t: zeros(Q4_0, 16, 2) }), 'no whole blocks of Q4_0'],
    ['a name that is no UTF-8', bytesAt(good, 32, 0xff), 'no UTF-8'],
  ])('refuses %s', async (_what, bytes, message) => {
    await expect(headerOf(bytes)).rejects.toMatchObject({
      code: 'file_malformed',
      message: expect.stringContaining(message),
    });
  });

  it('refuses lists that are nested too deep, and keys that are there twice', async () => {
    const deep = (levels: number): GgufItem =>
      levels === 0 ? item([1]) : { type: 'list', of: 'list', value: [deep(levels - 1)] };
    await expect(headerOf(writeGguf({ deep: deep(3) }))).resolves.toBeDefined();
    await expect(headerOf(writeGguf({ deep: deep(4) }))).rejects.toMatchObject({ code: 'file_malformed' });
    const twice = bytesAt(writeGguf({ k1: item(1), k2: item(2) }), 24 + 18 + 9, 0x31);
    await expect(headerOf(twice)).rejects.toMatchObject({ message: expect.stringContaining('"k1" is there twice') });
  });

  it('reads version 2, which is laid out alike', async () => {
    expect(await headerOf(bytesAt(good, 4, 2))).toEqual(await headerOf(good));
  });

  it('names versions and types that are not read', async () => {
    const refused = { code: 'unsupported_format' };
    await expect(headerOf(bytesAt(good, 4, 1))).rejects.toMatchObject({ ...refused, message: 'm.gguf is GGUF 1.' });
    await expect(headerOf(bytesAt(good, 4, 0, 0, 0, 3))).rejects.toMatchObject(refused);
    const message = expect.stringContaining('stored as IQ4_XS');
    await expect(headerOf(bytesAt(good, 45, 23))).rejects.toMatchObject({ ...refused, message });
  });
});

describe('a GGUF checkpoint', () => {
  it('has the names, the order of rows and the shapes of the hub', async () => {
    const { tensors, config } = await open(METADATA);
    expect([...tensors.keys()]).toEqual([
      'model.embed_tokens.weight',
      'model.norm.weight',
      'model.layers.0.self_attn.q_proj.weight',
      'model.layers.0.self_attn.v_proj.weight',
    ]);
    expect(tensors.get('model.layers.0.self_attn.q_proj.weight')).toMatchObject({ headDim: 8, shape: [32, 32] });
    expect(tensors.get('model.layers.0.self_attn.v_proj.weight')).not.toHaveProperty('headDim');
    expect(config).toMatchObject({ tie_word_embeddings: true, num_key_value_heads: 4, vocab_size: 9 });
  });

  it('finds the merges of SentencePiece in the scores', async () => {
    const { readText } = await open(METADATA);
    const tokenizerJson = (await readText('tokenizer.json')) ?? '';
    expect(JSON.parse(tokenizerJson).model.merges).toEqual([
      ['a', 'b'],
      ['▁', 'a'],
    ]);
    const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfigJson: await readText('tokenizer_config.json') });
    expect(tokenizer.encode('ab\n')).toEqual([1, 7, 6, 3]);
    expect(tokenizer.eosId).toBe(2);
  });

  it('takes a tokenizer.json beside the file instead of its own', async () => {
    const beside = { 'tokenizer.json': '{}', 'config.json': '{}' };
    const source = memorySource({ 'm.gguf': writeGguf(METADATA, TENSORS), ...beside });
    const { readText, config } = await openCheckpoint(source);
    expect(await readText('tokenizer.json')).toBe('{}');
    expect(await readText('tokenizer_config.json')).toBeUndefined();
    expect(config).toMatchObject({ model_type: 'llama' });
  });

  it.each<[string, Readonly<Record<string, GgufItem>>, object]>([
    [
      'linear scaling',
      { 'scaling.type': item('linear'), 'scaling.factor': item(4) },
      { rope_type: 'linear', factor: 4 },
    ],
    ['linear scaling of old files', { scale_linear: item(2) }, { rope_type: 'linear', factor: 2 }],
    [
      'YaRN',
      { 'scaling.type': item('yarn'), 'scaling.factor': item(4), 'scaling.original_context_length': item(16) },
      { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16, attention_factor: 0.1 * Math.log(4) + 1 },
    ],
  ])('reads %s', async (_name, rope, expected) => {
    const keys = Object.fromEntries(Object.entries(rope).map(([key, value]) => [`llama.rope.${key}`, value]));
    expect((await open({ ...METADATA, ...keys })).config['rope_scaling']).toMatchObject(expected);
  });

  it('finds the parameters of Llama 3 in its divisors', async () => {
    const theta = 500_000;
    const divisors = Float32Array.from({ length: 4 }, (_, i) => {
      const turns = (8192 * theta ** (-i / 4)) / (2 * Math.PI);
      const smooth = (turns - 1) / 3;
      return turns < 1 ? 32 : turns > 4 ? 1 : 1 / ((1 - smooth) / 32 + smooth);
    });
    const withRope = (numbers: Float32Array) =>
      open(
        { ...METADATA, 'llama.rope.freq_base': item(theta) },
        { ...TENSORS, 'rope_freqs.weight': { type: F32, dims: [4], data: new Uint8Array(numbers.slice().buffer) } },
      );
    const { config, tensors } = await withRope(divisors);
    expect(config['rope_scaling']).toEqual({
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    });
    expect(tensors.has('rope_freqs.weight')).toBe(false);
    await expect(withRope(divisors.map((value) => value * 1.01))).rejects.toMatchObject({ code: 'unsupported_model' });
  });

  it('joins the parts of a split file, whichever is pointed to', async () => {
    const { 'token_embd.weight': embedding, ...others } = TENSORS;
    const metadata = { ...METADATA, 'split.count': item(2) };
    const files = {
      'm-00001-of-00002.gguf': writeGguf(metadata, { 'token_embd.weight': embedding as GgufTensorData }),
      'm-00002-of-00002.gguf': writeGguf({ 'split.count': item(2) }, others),
      'other.gguf': writeGguf(METADATA, TENSORS),
    };
    const folder = memorySource(files);
    const { tensors, name } = await openCheckpoint(fileInSource(folder, 'm-00002-of-00002.gguf'));
    expect(name).toBe('m-00002-of-00002.gguf');
    expect(tensors.size).toBe(4);
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'unsupported_format',
      hint: 'Point to one of the files.',
    });
    const { 'm-00002-of-00002.gguf': _missing, ...rest } = files;
    await expect(openCheckpoint(fileInSource(memorySource(rest), 'm-00001-of-00002.gguf'))).rejects.toMatchObject({
      code: 'file_missing',
    });
  });

  it.each<[string, Readonly<Record<string, GgufItem>>, string]>([
    ['another architecture', { 'general.architecture': item('mamba') }, 'unsupported_model'],
    ['experts', { 'llama.expert_count': item(8) }, 'unsupported_model'],
    ['partial rotation', { 'llama.rope.dimension_count': item(4) }, 'unsupported_model'],
    ['layers of several widths', { 'llama.feed_forward_length': item([32, 64]) }, 'invalid_config'],
    ['a missing key', { 'llama.block_count': item('many') }, 'invalid_config'],
    ['another tokenizer', { 'tokenizer.ggml.model': item('bert') }, 'invalid_tokenizer'],
    ['another way to cut text', { 'tokenizer.ggml.model': item('gpt2') }, 'invalid_tokenizer'],
    ['tokens that are none', { 'tokenizer.ggml.tokens': item([1, 2]) }, 'invalid_tokenizer'],
  ])('refuses %s', async (_what, metadata, code) => {
    await expect(open({ ...METADATA, ...metadata })).rejects.toMatchObject({ code, hint: expect.any(String) });
  });
});
