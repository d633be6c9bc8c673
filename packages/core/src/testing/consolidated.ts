// Goldens of Llama and Mistral as Meta and Mistral publish their models: the same numbers under their names, rows of queries
// and keys in their order, sizes in params.json. Not for use outside tests.
import { readFileSync } from 'node:fs';
import { bytesSource } from '../load/memory-source.js';
import { readSafetensorsHeader } from '../load/safetensors.js';
import { type TensorData, writeSafetensors } from '../load/safetensors-writer.js';
import { fixturesPath } from './fixtures.js';
import { type TorchTensor, writeTorch } from './torch-writer.js';

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\./, 'tok_embeddings.'],
  [/^model\.norm\./, 'norm.'],
  [/^lm_head\./, 'output.'],
  [/^model\.layers\.(\d+)\.input_layernorm\./, 'layers.$1.attention_norm.'],
  [/^model\.layers\.(\d+)\.post_attention_layernorm\./, 'layers.$1.ffn_norm.'],
  [/^model\.layers\.(\d+)\.self_attn\.([qkvo])_proj\./, 'layers.$1.attention.w$2.'],
  [/^model\.layers\.(\d+)\.mlp\.gate_proj\./, 'layers.$1.feed_forward.w1.'],
  [/^model\.layers\.(\d+)\.mlp\.down_proj\./, 'layers.$1.feed_forward.w2.'],
  [/^model\.layers\.(\d+)\.mlp\.up_proj\./, 'layers.$1.feed_forward.w3.'],
];

/** config.json of a golden. */
export function goldenConfig(golden: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(fixturesPath(`goldens/${golden}/config.json`), 'utf8'));
}

/** What params.json would say in place of config.json, but for what only some releases have. */
export function paramsOf(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    ...{ dim: config['hidden_size'], n_layers: config['num_hidden_layers'], n_heads: config['num_attention_heads'] },
    ...{ norm_eps: config['rms_norm_eps'], vocab_size: -1 },
  };
}

/** The golden with its weights in `consolidated.00.pth` or `consolidated.safetensors`. */
export async function publishedGolden(
  golden: string,
  format: 'pth' | 'safetensors',
  params: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, Uint8Array>>> {
  const { hidden_size, num_attention_heads, head_dim } = goldenConfig(golden);
  const tensors = await publishedTensors(golden, Number(head_dim ?? Number(hidden_size) / Number(num_attention_heads)));
  const weights =
    format === 'pth'
      ? { 'consolidated.00.pth': writeTorch(Object.fromEntries(Object.entries(tensors).map(torchEntry))) }
      : { 'consolidated.safetensors': writeSafetensors(tensors) };
  return { 'params.json': new TextEncoder().encode(JSON.stringify(params)), ...weights };
}

/** Meta's files hold the rotary frequencies, too. */
const ROPE_FREQS: TensorData = { dtype: 'F32', shape: [2], data: new Uint8Array(8) };

async function publishedTensors(golden: string, headDim: number): Promise<Record<string, TensorData>> {
  const file = bytesSource(readFileSync(fixturesPath(`goldens/${golden}/model.safetensors`)), golden);
  const header = await readSafetensorsHeader(file, golden);
  const tensors: Record<string, TensorData> = { 'rope.freqs': ROPE_FREQS };
  for (const [name, { dtype, shape, offset, length }] of header.tensors) {
    const rule = NAMES.find(([pattern]) => pattern.test(name));
    if (!rule) continue; // frequencies under Hugging Face's name
    const data = await file.read(offset, length);
    const isPaired = /\.[qk]_proj\./.test(name);
    const [numRows = 0] = shape;
    tensors[name.replace(...rule)] = { dtype, shape, data: isPaired ? inPairs(data, numRows, headDim) : data };
  }
  return tensors;
}

/** Rows of heads whose halves lie one behind the other, in turns. */
function inPairs(data: Uint8Array, numRows: number, headDim: number): Uint8Array {
  const rowBytes = data.length / numRows;
  const paired = new Uint8Array(data.length);
  for (let row = 0; row < numRows; row++) {
    const inHead = row % headDim;
    const from = row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    paired.set(data.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return paired;
}

const STORAGE_CLASSES: Readonly<Record<string, string>> = { F16: 'HalfStorage', BF16: 'BFloat16Storage' };

function torchEntry([name, { dtype, shape, data }]: [string, TensorData]): [string, TorchTensor] {
  const bytes = Uint8Array.from(data).buffer;
  const storageClass = STORAGE_CLASSES[dtype];
  const storage = storageClass ? new Uint16Array(bytes) : new Float32Array(bytes);
  const strides = shape.map((_, dim) => shape.slice(dim + 1).reduce((product, size) => product * size, 1));
  return [name, { storage, ...(storageClass && { storageClass }), shape, strides }];
}
