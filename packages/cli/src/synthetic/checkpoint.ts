// Checkpoints of random weights in the shapes of real models, sharded as the hub has them, for measuring how models are
// loaded. What they say is noise.
import { createHash } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { safetensorsHeader } from '@pagemind/core/node';

/** A model of the family Qwen2, as far as its shapes go. */
export interface Shapes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly vocab: number;
  /** Largest file of weights. */
  readonly shardBytes: number;
}

/** Models by name. The miniature has the same parts in little. */
export const SYNTHETIC: Readonly<Record<string, Shapes>> = {
  'qwen2.5-0.5b': {
    hidden: 896,
    intermediate: 4864,
    numLayers: 24,
    numHeads: 14,
    numKvHeads: 2,
    vocab: 151_936,
    shardBytes: 320 * 2 ** 20,
  },
  miniature: {
    hidden: 512,
    intermediate: 1408,
    numLayers: 4,
    numHeads: 8,
    numKvHeads: 2,
    vocab: 8192,
    shardBytes: 20 * 2 ** 20,
  },
};

/** A file and its hash. */
export interface WrittenFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly length: number;
}

const BLOCK_BYTES = 4 * 2 ** 20;

/** Writes a checkpoint into a folder that exists. */
export async function writeSynthetic(shapes: Shapes, folder: string): Promise<readonly WrittenFile[]> {
  const files: WrittenFile[] = [];
  const text = async (path: string, value: object): Promise<void> => {
    const bytes = Buffer.from(JSON.stringify(value));
    await writeFile(join(folder, path), bytes);
    files.push({ path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  };
  await text('config.json', configOf(shapes));
  const shards = shardsOf(shapes);
  const weightMap: Record<string, string> = {};
  const random = createRandom(1);
  for (const [i, tensors] of shards.entries()) {
    const path = `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const { name } of tensors) weightMap[name] = path;
    files.push(await writeShard(join(folder, path), path, tensors, random));
  }
  const totalSize = shards.flat().reduce((sum, { length }) => sum + length, 0);
  await text('model.safetensors.index.json', { metadata: { total_size: totalSize }, weight_map: weightMap });
  return files;
}

function configOf({ hidden, intermediate, numLayers, numHeads, numKvHeads, vocab }: Shapes): object {
  return {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: numLayers,
    num_attention_heads: numHeads,
    num_key_value_heads: numKvHeads,
    vocab_size: vocab,
    hidden_act: 'silu',
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    bos_token_id: 1,
    eos_token_id: 2,
  };
}

function shardsOf(shapes: Shapes): readonly (readonly Tensor[])[] {
  const shards: Tensor[][] = [[]];
  let bytes = 0;
  for (const [name, shape] of tensorsOf(shapes)) {
    const length = shape.reduce((product, side) => product * side, 2);
    if (bytes > 0 && bytes + length > shapes.shardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push({ name, shape, length });
    bytes += length;
  }
  return shards;
}

function* tensorsOf(shapes: Shapes): Generator<readonly [name: string, shape: readonly number[]]> {
  const { hidden, intermediate, numLayers, numHeads, numKvHeads, vocab } = shapes;
  const kv = (hidden / numHeads) * numKvHeads;
  yield ['model.embed_tokens.weight', [vocab, hidden]];
  for (let layer = 0; layer < numLayers; layer++) {
    const name = (rest: string): string => `model.layers.${layer}.${rest}`;
    yield [name('input_layernorm.weight'), [hidden]];
    for (const [part, rows] of [
      ['q', hidden],
      ['k', kv],
      ['v', kv],
    ] as const) {
      yield [name(`self_attn.${part}_proj.weight`), [rows, hidden]];
      yield [name(`self_attn.${part}_proj.bias`), [rows]];
    }
    yield [name('self_attn.o_proj.weight'), [hidden, hidden]];
    yield [name('post_attention_layernorm.weight'), [hidden]];
    yield [name('mlp.gate_proj.weight'), [intermediate, hidden]];
    yield [name('mlp.up_proj.weight'), [intermediate, hidden]];
    yield [name('mlp.down_proj.weight'), [hidden, intermediate]];
  }
  yield ['model.norm.weight', [hidden]];
}

async function writeShard(
  place: string,
  path: string,
  tensors: readonly Tensor[],
  random: (words: Uint32Array) => void,
): Promise<WrittenFile> {
  const hash = createHash('sha256');
  const file = await open(place, 'w');
  let size = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    await file.write(bytes);
    size += bytes.length;
  };
  try {
    await write(safetensorsHeader(tensors.map((tensor) => ({ dtype: 'BF16' as const, ...tensor }))));
    const words = new Uint32Array(BLOCK_BYTES / 4);
    for (const { length } of tensors) {
      for (let at = 0; at < length; at += BLOCK_BYTES) {
        random(words);
        await write(new Uint8Array(words.buffer, 0, Math.min(BLOCK_BYTES, length - at)));
      }
    }
  } finally {
    await file.close();
  }
  return { path, size, sha256: hash.digest('hex') };
}

/** Fills words with pairs of bf16 numbers of magnitudes from 2⁻⁷ to 2⁻⁵ (xorshift). */
function createRandom(seed: number): (words: Uint32Array) => void {
  let state = seed;
  return (words) => {
    for (let i = 0; i < words.length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[i] = (state & 0x80ff_80ff) | 0x3c00_3c00;
    }
  };
}

function number(value: number): string {
  return String(value).padStart(5, '0');
}
