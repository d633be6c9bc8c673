// Models as Meta and Mistral publish theirs: what params.json says of every release, what it may not say, and which files count.
import { describe, expect, it } from 'vitest';
import { resolveFamily } from '../models/registry.js';
import { type TorchTensor, writeTorch } from '../testing/torch-writer.js';
import { openCheckpoint } from './checkpoint.js';
import { readParams } from './consolidated.js';
import { memorySource } from './memory-source.js';
import { writeSafetensors } from './safetensors-writer.js';

const SIZES_7B = { dim: 4096, n_layers: 32, n_heads: 32 };
const LLAMA3 = { n_kv_heads: 8, norm_eps: 1e-5, rope_theta: 500_000, vocab_size: 128_256 };
const MISTRAL = { ...SIZES_7B, head_dim: 128, hidden_dim: 14336, n_kv_heads: 8, norm_eps: 1e-5 };
const scaling = (factor: number) => ({
  type: 'llama3',
  ...{ factor, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
});

describe('params.json', () => {
  it.each<[string, object, object]>([
    [
      'Llama 1',
      { ...SIZES_7B, multiple_of: 256, norm_eps: 1e-6, vocab_size: -1 },
      { family: 'llama', numKvHeads: 32, headDim: 128, normEpsilon: 1e-6, maxPositions: 2048, rope: { theta: 1e4 } },
    ],
    [
      'Llama 2',
      { ...SIZES_7B, multiple_of: 256, norm_eps: 1e-5, vocab_size: -1 },
      { hiddenSize: 4096, numLayers: 32, numHeads: 32, maxPositions: 4096, vocabSize: 1, intermediateSize: 2 },
    ],
    ['Llama 2, by the defaults', SIZES_7B, { normEpsilon: 1e-5, maxPositions: 4096, rope: { theta: 1e4 } }],
    [
      'Code Llama',
      { ...SIZES_7B, multiple_of: 256, ffn_dim_multiplier: 1, norm_eps: 1e-5, rope_theta: 1e6 },
      { maxPositions: 16_384, vocabSize: 1, rope: { theta: 1e6, scaling: { type: 'none' } } },
    ],
    [
      'Llama 3',
      { ...SIZES_7B, ...LLAMA3, ffn_dim_multiplier: 1.3, multiple_of: 1024 },
      { numKvHeads: 8, vocabSize: 128_256, maxPositions: 8192, rope: { theta: 5e5, scaling: { type: 'none' } } },
    ],
    [
      'Llama 3.1',
      { ...SIZES_7B, ...LLAMA3, use_scaled_rope: true },
      { maxPositions: 131_072, rope: { scaling: scaling(8) } },
    ],
    [
      'Llama 3.2 of 1B',
      { ...LLAMA3, dim: 2048, n_layers: 16, n_heads: 32, use_scaled_rope: true },
      { headDim: 64, maxPositions: 131_072, rope: { scaling: scaling(32) } },
    ],
    [
      'Llama 3.2 of 3B',
      { ...LLAMA3, dim: 3072, n_layers: 28, n_heads: 24, use_scaled_rope: true },
      { headDim: 128, rope: { scaling: scaling(32) } },
    ],
    [
      'Mistral 7B v0.1',
      { ...MISTRAL, sliding_window: '4096', vocab_size: 32_000 },
      { family: 'mistral', intermediateSize: 14336, maxPositions: 32_768, vocabSize: 32_000, rope: { theta: 1e4 } },
    ],
    [
      'Mistral 7B v0.3',
      { ...MISTRAL, vocab_size: 32_768, rope_theta: 1e6 },
      { architecture: 'MistralForCausalLM', rope: { theta: 1e6 } },
    ],
    ['Mistral without a base', { ...MISTRAL, moe: null, lora: false }, { rope: { theta: 1e6 } }],
    [
      'Mistral with more said',
      { ...MISTRAL, head_dim: 64, max_position_embeddings: 1000, max_seq_len: 9, model_type: 'transformer' },
      { headDim: 64, maxPositions: 1000 },
    ],
  ])('of %s', (_, params, expected) => {
    const { config } = readParams(params as Record<string, unknown>, 'm');
    const complete = { vocab_size: 1, intermediate_size: 2, ...config };
    expect(resolveFamily(complete).config).toMatchObject(expected);
  });

  it('gives every layer the window', () => {
    const { config } = readParams({ ...MISTRAL, sliding_window: 4096, vocab_size: 32_000 }, 'm');
    const { layers } = resolveFamily(config).config;
    expect([layers.length, ...new Set(layers.map(({ window }) => window))]).toEqual([32, 4096]);
  });

  it.each<[string, unknown]>([
    ['dim', undefined],
    ['dim', 0],
    ['dim', -4096],
    ['dim', 1.5],
    ['dim', 1e12],
    ['dim', '4096'],
    ['dim', [4096]],
    ['n_layers', null],
    ['n_layers', 2 ** 53],
    ['n_heads', 33],
    ['n_heads', {}],
    ['n_kv_heads', 0.5],
    ['head_dim', -1],
    ['hidden_dim', true],
    ['vocab_size', 0],
    ['vocab_size', -2],
    ['norm_eps', 0],
    ['norm_eps', '1e-5'],
    ['rope_theta', -1],
    ['rope_theta', 'Infinity'],
    ['use_scaled_rope', 'yes'],
    ['sliding_window', [4096]],
    ['sliding_window', '4096 '],
    ['sliding_window', 0],
    ['max_position_embeddings', {}],
  ])('with %s %j is refused', (key, value) => {
    const wanted = key === 'n_heads' && typeof value === 'number' ? 'head_dim' : key;
    expect(() => readParams({ ...SIZES_7B, [key]: value }, 'm')).toThrow(
      expect.objectContaining({ code: 'invalid_config', message: expect.stringContaining(wanted) }),
    );
  });

  it.each<[string, unknown]>([
    ['moe', { num_experts: 8 }],
    ['vision_encoder', {}],
    ['vision_num_cross_attention_layers', 8],
    ['quantization_args', { scheme: 'int4_weight_int8_dynamic_activation' }],
    ['lora', {}],
    ['use_qk_norm', true],
    ['model_type', 'mamba'],
    ['__proto__', 1],
  ])('of another architecture, with %s %j, is refused by name', (key, value) => {
    const params = JSON.parse(
      JSON.stringify(SIZES_7B).replace('{', `{${JSON.stringify(key)}:${JSON.stringify(value)},`),
    );
    expect(() => readParams(params, 'some model')).toThrow(
      expect.objectContaining({ code: 'unsupported_model', message: expect.stringMatching(`some model.*${key}`) }),
    );
  });
});

const f32 = (...shape: readonly number[]) => {
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32' as const, shape, data: new Uint8Array(4 * length) };
};
const PARAMS = JSON.stringify({ dim: 8, n_layers: 1, n_heads: 2, vocab_size: -1 });
const LAYER = {
  ...{ 'layers.0.attention.wq.weight': f32(8, 8), 'layers.0.attention.wk.weight': f32(8, 8) },
  ...{ 'layers.0.attention.wv.weight': f32(8, 8), 'layers.0.attention.wo.weight': f32(8, 8) },
  ...{ 'layers.0.attention_norm.weight': f32(8), 'layers.0.ffn_norm.weight': f32(8) },
  ...{ 'layers.0.feed_forward.w1.weight': f32(12, 8), 'layers.0.feed_forward.w2.weight': f32(8, 12) },
  'layers.0.feed_forward.w3.weight': f32(12, 8),
};
const TENSORS = {
  ...{ ...LAYER, 'tok_embeddings.weight': f32(20, 8), 'norm.weight': f32(8), 'output.weight': f32(20, 8) },
  'rope.freqs': f32(2),
};
const PUBLISHED = { 'params.json': PARAMS, 'consolidated.safetensors': writeSafetensors(TENSORS) };
const NAMES = [
  ...['input_layernorm', 'mlp.down_proj', 'mlp.gate_proj', 'mlp.up_proj', 'post_attention_layernorm'],
  ...['self_attn.k_proj', 'self_attn.o_proj', 'self_attn.q_proj', 'self_attn.v_proj'],
].map((role) => `model.layers.0.${role}.weight`);

const matrix = () => ({ storage: new Float32Array(160), shape: [20, 8], strides: [8, 1] });
const [table, head, w1] = [matrix(), matrix(), matrix()];
const torchFile = (tensors: Readonly<Record<string, TorchTensor>>) => ({
  'params.json': PARAMS,
  'consolidated.00.pth': writeTorch(tensors),
});
const TABLE = { 'tok_embeddings.weight': table };
const QUERIES = { 'layers.0.attention.wq.weight': head };
const MLP = { 'layers.0.feed_forward.w1.weight': w1 };

describe('openCheckpoint', () => {
  it('takes names and sizes from params.json and the tensors', async () => {
    const checkpoint = await openCheckpoint(memorySource({ ...PUBLISHED, 'tokenizer.model': 'pieces' }, 'org/m'));
    const { config, tensors } = checkpoint;
    expect([...tensors.keys()].sort()).toEqual([
      ...['lm_head.weight', 'model.embed_tokens.weight', ...NAMES, 'model.norm.weight'],
    ]);
    const paired = [...tensors].filter(([, { headDim }]) => headDim === 4).map(([name]) => name);
    expect(paired.sort()).toEqual([NAMES[5], NAMES[7]]);
    expect(config).toMatchObject({ vocab_size: 20, intermediate_size: 12, tie_word_embeddings: false });
    expect(JSON.parse((await checkpoint.readText('config.json')) ?? '')).toEqual(config);
    expect(await checkpoint.readText('tokenizer.model')).toBe('pieces');
    expect(await checkpoint.texts?.open('tokenizer.model')).toBeDefined();
    expect(checkpoint.name).toBe('org/m');
  });

  it.each<[string, Readonly<Record<string, TorchTensor>>, boolean]>([
    ['no head', {}, true],
    ['a head that is the table', { 'output.weight': table }, true],
    ['a head of its own', { 'output.weight': head }, false],
  ])('sees whether it is tied: %s', async (_, more, isTied) => {
    const { config } = await openCheckpoint(memorySource(torchFile({ ...TABLE, ...MLP, ...more })));
    expect(config['tie_word_embeddings']).toBe(isTied);
  });

  it('reads shards', async () => {
    const { 'norm.weight': norm, ...others } = TENSORS;
    const map = Object.fromEntries(Object.keys(others).map((name) => [name, 'consolidated-1.safetensors']));
    const source = memorySource({
      'params.json': PARAMS,
      'consolidated.safetensors.index.json': JSON.stringify({
        weight_map: { ...map, 'norm.weight': 'consolidated-2.safetensors' },
      }),
      'consolidated-1.safetensors': writeSafetensors(others),
      'consolidated-2.safetensors': writeSafetensors({ 'norm.weight': norm }),
    });
    const { tensors } = await openCheckpoint(source);
    expect(tensors.get('model.norm.weight')?.file).toBe('consolidated-2.safetensors');
  });

  it('prefers config.json with weights under its names, and reads nothing of the others', async () => {
    const own = writeSafetensors({ 'model.norm.weight': f32(8) });
    const source = memorySource({
      ...{ 'config.json': '{"model_type":"llama"}', 'model.safetensors': own },
      ...{ 'params.json': '{', 'consolidated.safetensors': '', 'consolidated.00.pth': '', 'consolidated.01.pth': '' },
    });
    const { config, tensors } = await openCheckpoint(source);
    expect([config, [...tensors.keys()]]).toEqual([{ model_type: 'llama' }, ['model.norm.weight']]);
  });

  it.each<[string, Record<string, string | Uint8Array>]>([
    ['both', PUBLISHED],
    ['weights alone', { 'consolidated.safetensors': PUBLISHED['consolidated.safetensors'] }],
    [
      'a file of them in a folder',
      { 'original/consolidated.00.pth': torchFile({ ...TABLE, ...QUERIES })['consolidated.00.pth'] },
    ],
  ])('prefers config.json without weights under its names, where the others are there: %s', async (_, files) => {
    const config = { model_type: 'llama', hidden_size: 8, num_attention_heads: 2 };
    const checkpoint = await openCheckpoint(memorySource({ 'config.json': JSON.stringify(config), ...files }));
    expect(checkpoint.config).toEqual(config);
    expect(checkpoint.tensors.get('model.embed_tokens.weight')?.shape).toEqual([20, 8]);
    expect(checkpoint.tensors.get('model.layers.0.self_attn.q_proj.weight')?.headDim).toBe(4);
  });

  it.each<[string, Record<string, string | Uint8Array>, string, RegExp]>([
    ['a params.json that is no JSON', { ...PUBLISHED, 'params.json': '{' }, 'invalid_config', /params\.json/],
    ['a params.json alone', { 'params.json': PARAMS }, 'file_missing', /neither consolidated\.safetensors nor/],
    [
      'weights that are cut for several devices',
      { 'params.json': PARAMS, 'consolidated.00.pth': '', 'consolidated.01.pth': '' },
      'unsupported_model',
      /several devices/,
    ],
    ['weights of something else', torchFile(MLP), 'tensor_missing', /no tensor tok_embeddings\.weight/],
    ['weights without an MLP', torchFile(TABLE), 'tensor_missing', /no tensor layers\.0\.feed_forward\.w1\.weight/],
  ])('explains %s', async (_, files, code, message) => {
    const error = await openCheckpoint(memorySource(files)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, hint: expect.any(String), message: expect.stringMatching(message) });
  });
});
