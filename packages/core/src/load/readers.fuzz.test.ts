// Damaged checkpoints of every kind, 20,000 each: opened, understood and planned, they work or give a PagemindError. Nothing is
// read outside of a file or over and over, and no array is longer than what the files hold.
import type { WeightFormatOptions } from '@pagemind/quant';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { resolveModel } from '../models/model.js';
import { ArrayLimit } from '../testing/array-limit.js';
import { item, writeGguf } from '../testing/gguf-writer.js';
import { mutate, mutateJson, seeded } from '../testing/mutate.js';
import { type TorchTensor, writeTorch } from '../testing/torch-writer.js';
import { watchedSource } from '../testing/watched-source.js';
import { createTokenizer, readTokenizerFiles } from '../text/create-tokenizer.js';
import { openCheckpoint } from './checkpoint.js';
import type { PackedWeight } from './packed-format.js';
import { planPacked } from './packed-plan.js';
import { PackedWriter } from './packed-writer.js';
import { DTYPE_BYTES, type SafetensorsDtype } from './safetensors.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';
import { planWeights } from './weight-plan.js';

const NUM_MUTANTS = 20_000;
/** Files of a checkpoint. */
type Files = Readonly<Record<string, Uint8Array>>;
/** Damages one of the files. */
type Damage = (files: Files, random: () => number) => Files;

const utf8 = new TextEncoder();
const json = (value: unknown): Uint8Array => utf8.encode(JSON.stringify(value));

/** A Llama of one layer, all of whose matrices are 64 by 64. */
const SIZE = 64;
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: SIZE,
  intermediate_size: SIZE,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  vocab_size: SIZE,
  tie_word_embeddings: true,
};
const LINEARS = ['q', 'k', 'v', 'o'].map((name) => `self_attn.${name}_proj`);
LINEARS.push(...['gate', 'up', 'down'].map((name) => `mlp.${name}_proj`));
const NORMS = ['model.norm', 'model.layers.0.input_layernorm', 'model.layers.0.post_attention_layernorm'];

function zeros(dtype: SafetensorsDtype, ...shape: number[]): TensorData {
  return { dtype, shape, data: new Uint8Array(shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype])) };
}

/** Tensors of the model, each linear being `linear`: tensors by what follows the stem. */
function llama(linear: Readonly<Record<string, TensorData>>): Record<string, TensorData> {
  const linears = LINEARS.flatMap((stem) =>
    Object.entries(linear).map(([suffix, tensor]) => [`model.layers.0.${stem}.${suffix}`, tensor] as const),
  );
  const norms = NORMS.map((stem) => [`${stem}.weight`, zeros('F32', SIZE)] as const);
  return Object.fromEntries([['model.embed_tokens.weight', zeros('BF16', SIZE, SIZE)], ...norms, ...linears]);
}

const checkpointOf = (tensors: Readonly<Record<string, TensorData>>, config: object = {}): Files => ({
  'config.json': json({ ...CONFIG, ...config }),
  'model.safetensors': writeSafetensors(tensors),
});

const plain = llama({ weight: zeros('BF16', SIZE, SIZE) });
const f8 = llama({ weight: zeros('F8_E4M3', SIZE, SIZE), weight_scale: zeros('F32', SIZE, 1) });
const GROUPS = SIZE / 32;
const layouts: Readonly<Record<string, Readonly<Record<string, TensorData>>>> = {
  awq: { qweight: zeros('I32', SIZE, 8), qzeros: zeros('I32', GROUPS, 8), scales: zeros('F16', GROUPS, SIZE) },
  gemv: { qweight: zeros('I32', SIZE, 8), qzeros: zeros('I32', SIZE, 1), scales: zeros('F16', SIZE, 8) },
  gptq: {
    ...{ qweight: zeros('I32', 8, SIZE), qzeros: zeros('I32', GROUPS, 8), scales: zeros('F16', GROUPS, SIZE) },
    g_idx: zeros('I32', SIZE), // all columns in one of two groups
  },
  packed: {
    ...{ weight_packed: zeros('I32', SIZE, 8), weight_scale: zeros('BF16', SIZE, GROUPS) },
    weight_shape: zeros('I64', 2),
  },
  mlx: { weight: zeros('U32', SIZE, 8), scales: zeros('BF16', SIZE, GROUPS), biases: zeros('BF16', SIZE, GROUPS) },
};
const QUANTIZATION = { bits: 4, group_size: 32, config_groups: { a: { weights: { num_bits: 4 } } } };
const quantized = Object.values(layouts).map((linear) =>
  checkpointOf(llama(linear), { quantization_config: QUANTIZATION }),
);

function gguf(): Files {
  const block = (type: number, bytes: number) => ({
    type,
    dims: [SIZE, SIZE],
    data: new Uint8Array(((SIZE * SIZE) / 32) * bytes),
  });
  const linears = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'];
  const tensors = {
    'token_embd.weight': block(8, 34), // Q8_0
    ...Object.fromEntries(
      linears.map((name, i) => [`blk.0.${name}.weight`, block(i === 2 ? 6 : 2, i === 2 ? 22 : 18)]),
    ),
    ...Object.fromEntries(
      ['output_norm', 'blk.0.attn_norm', 'blk.0.ffn_norm'].map((name) => [
        `${name}.weight`,
        { type: 0, dims: [SIZE], data: new Uint8Array(SIZE * 4) },
      ]),
    ),
  };
  const pieces = [
    '<unk>',
    '<s>',
    '</s>',
    '<0x0A>',
    '▁',
    ...'abcdefghijklmnopqrstuvwxyz',
    'ab',
    ...Array.from({ length: SIZE - 32 }, (_, i) => `a${i}`),
  ];
  const metadata = {
    'general.architecture': item('llama'),
    'llama.context_length': item(64),
    'llama.embedding_length': item(SIZE),
    'llama.block_count': item(1),
    'llama.feed_forward_length': item(SIZE),
    'llama.attention.head_count': item(4),
    'llama.attention.layer_norm_rms_epsilon': item(1e-5),
    'llama.rope.scaling.type': item('yarn'),
    'tokenizer.ggml.model': item('llama'),
    'tokenizer.ggml.tokens': item(pieces),
    'tokenizer.ggml.scores': item(pieces.map((_, i) => -i)),
    'tokenizer.ggml.token_type': item(pieces.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i === 3 ? 6 : 1))),
    'tokenizer.ggml.bos_token_id': item(1),
    'tokenizer.ggml.eos_token_id': item(2),
    'tokenizer.chat_template': item('{{ messages }}'),
  };
  return { 'm.gguf': writeGguf(metadata, tensors) };
}

/** A smaller model, for archives are searched byte by byte; all tensors are views of one storage. */
const torch: readonly Files[] = [{ isZip64: true }, {}].map((options) => {
  const size = 16;
  const storage = new Float32Array(size * size);
  const views = Object.entries(plain).map(([name, { shape }]): [string, TorchTensor] => {
    const isVector = shape.length === 1;
    return [name, { storage, shape: isVector ? [size] : [size, size], strides: isVector ? [1] : [size, 1] }];
  });
  const config = { ...CONFIG, hidden_size: size, intermediate_size: size, vocab_size: size };
  return { 'config.json': json(config), 'pytorch_model.bin': writeTorch(Object.fromEntries(views), options) };
});

function sharded(): Files {
  const names = Object.keys(plain);
  const shard = (from: number, to: number): Uint8Array =>
    writeSafetensors(Object.fromEntries(names.slice(from, to).map((name) => [name, plain[name] as TensorData])));
  const weight_map = Object.fromEntries(names.map((name, i) => [name, `${i < 5 ? 'a' : 'b'}.safetensors`]));
  return {
    'config.json': json(CONFIG),
    'model.safetensors.index.json': json({ metadata: {}, weight_map }),
    'a.safetensors': shard(0, 5),
    'b.safetensors': shard(5, names.length),
  };
}

async function packed(): Promise<Files> {
  const int4: WeightFormatOptions = { format: 'int4', groupSize: 32, hasZeros: true };
  const q5: WeightFormatOptions = { format: 'q5_0', groupSize: 0, hasZeros: false };
  const matrix = (numRows: number, options = int4): PackedWeight => ({
    kind: 'matrix',
    options,
    numRows,
    numCols: SIZE,
  });
  const vector: PackedWeight = { kind: 'vector', length: SIZE };
  const roles = { attentionNorm: vector, qkv: matrix(3 * SIZE, q5), output: matrix(SIZE), mlpNorm: vector };
  const layer = { ...roles, gateUp: matrix(2 * SIZE), down: matrix(SIZE) };
  const weights = new Map<string, PackedWeight>([
    ['embedding', matrix(SIZE)],
    ['norm', vector],
    ...Object.entries(layer).map(([role, weight]) => [`layers.0.${role}`, weight] as const),
  ]);
  const writer = new PackedWriter(weights, 'BF16', undefined, 4096);
  const [shard] = writer.shards;
  if (!shard) throw new Error('nothing is written');
  return { 'config.json': json(CONFIG), [shard.path]: await writer.file(shard, async () => {}) };
}

/** Changes some of the first (or last) bytes of a file. */
const bytesOf =
  (path: string, length: number, fromEnd = false): Damage =>
  (files, random) => {
    const bytes = files[path] ?? new Uint8Array();
    const damaged = fromEnd ? mutate(bytes.toReversed(), length, random).toReversed() : mutate(bytes, length, random);
    return { ...files, [path]: damaged };
  };

/** Changes values of a file of JSON. */
const valuesOf =
  (path: string): Damage =>
  (files, random) => {
    const value = parse(files[path]);
    mutateJson(value, random);
    return { ...files, [path]: json(value) };
  };

/** Changes values of the header of a safetensors file, and makes it a header again. */
const headerOf =
  (damage: (header: unknown, random: () => number) => void = mutateJson): Damage =>
  (files, random) => {
    const file = files['model.safetensors'] ?? new Uint8Array();
    const dataStart = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
    const value = parse(file.subarray(8, dataStart));
    damage(value, random);
    const header = json(value);
    const result = new Uint8Array(8 + header.length + file.length - dataStart);
    new DataView(result.buffer).setBigUint64(0, BigInt(header.length), true);
    result.set(header, 8);
    result.set(file.subarray(dataStart), 8 + header.length);
    return { ...files, 'model.safetensors': result };
  };

/** Changes values of the table of weights, which is text in the header. */
const tableOf = headerOf((header, random) => {
  const { __metadata__: metadata } = header as { __metadata__: Record<string, string> };
  const weights: unknown = JSON.parse(metadata['weights'] ?? '');
  mutateJson(weights, random);
  metadata['weights'] = JSON.stringify(weights);
});

function parse(bytes: Uint8Array | undefined): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** All that happens to a checkpoint before its tensors are read. */
async function plan(files: Files): Promise<void> {
  const opened = await openCheckpoint(watchedSource(files, 8));
  const { checkpoint, specs, isIgnored } = resolveModel(opened);
  if (checkpoint.packed) planPacked(checkpoint, checkpoint.packed, specs, {}, 2 ** 27);
  else planWeights(checkpoint, specs, {}, { windowBytes: 2 ** 14, maxBufferBytes: 2 ** 27, ignored: isIgnored });
  const tokenizer = checkpoint.texts && (await readTokenizerFiles(checkpoint));
  if (tokenizer) createTokenizer(tokenizer);
}

const limit = new ArrayLimit();
const { stackTraceLimit } = Error;
beforeAll(() => {
  limit.install();
  Error.stackTraceLimit = 2; // stacks of errors take most of the time otherwise
});
afterAll(() => {
  limit.restore();
  Error.stackTraceLimit = stackTraceLimit;
});

/** Damages checkpoints in all ways by turns. */
async function fuzz(seeds: readonly Files[], ways: readonly Damage[]): Promise<void> {
  for (const files of seeds) await plan(files);
  const random = seeded(1);
  let numRefused = 0;
  for (let i = 0; i < NUM_MUTANTS; i++) {
    limit.max = Number.POSITIVE_INFINITY;
    const seed = seeds[i % seeds.length] as Files;
    const files = (ways[Math.floor(i / seeds.length) % ways.length] as Damage)(seed, random);
    // Slack for what depends on no file; text is longer as JSON.
    limit.max = 4096 + 2 * Object.values(files).reduce((sum, { length }) => sum + length, 0);
    try {
      await plan(files);
    } catch (error) {
      if (!(error instanceof PagemindError) || error.code === 'internal') throw error;
      numRefused++;
    }
  }
  limit.max = Number.POSITIVE_INFINITY;
  expect(numRefused).toBeGreaterThan(NUM_MUTANTS / 10);
  expect(numRefused).toBeLessThan(NUM_MUTANTS);
}

describe('20,000 damaged checkpoints each', { timeout: 600_000 }, () => {
  const model = 'model.safetensors';
  it('safetensors', () =>
    fuzz([checkpointOf(plain), checkpointOf(f8)], [headerOf(), bytesOf(model, 2000), bytesOf(model, 2000, true)]));
  it('index', () => {
    const index = 'model.safetensors.index.json';
    return fuzz([sharded()], [valuesOf(index), bytesOf(index, 2000)]);
  });
  it('quantisation configs', () => {
    const config = 'config.json';
    return fuzz([checkpointOf(plain), ...quantized], [valuesOf(config), headerOf(), bytesOf(config, 2000)]);
  });
  it('packed', async () => fuzz([await packed()], [tableOf, headerOf(), bytesOf(model, 8000)]));
  it('GGUF', () => fuzz([gguf()], [bytesOf('m.gguf', 2500)]));
  it('PyTorch', () => {
    const path = 'pytorch_model.bin';
    return fuzz(torch, [bytesOf(path, 1200), bytesOf(path, 1200, true)]);
  });
});
