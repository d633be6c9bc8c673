// Checkpoints whole, sharded, incomplete and hostile, from memory.
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from './checkpoint.js';
import { memorySource } from './memory-source.js';
import { writeSafetensors } from './safetensors-writer.js';

const f32 = (...values: number[]) => ({
  dtype: 'F32' as const,
  shape: [values.length],
  data: new Uint8Array(new Float32Array(values).buffer),
});
const index = (weightMap: unknown) => JSON.stringify({ metadata: { total_size: 1 }, weight_map: weightMap });
const shardA = writeSafetensors({ a: f32(1), shared: f32(2) });
const shardB = writeSafetensors({ b: f32(3, 4), shared: f32(5) });
const sharded = {
  'config.json': '{"model_type":"llama"}',
  'a.safetensors': shardA,
  'b.safetensors': shardB,
};
const whole = { 'config.json': '{"model_type":"llama"}', 'model.safetensors': shardA };

describe('openCheckpoint', () => {
  it('opens a single file with its configurations', async () => {
    const source = memorySource(
      { ...whole, 'generation_config.json': '{"eos_token_id":2}', 'merges.txt': 'a b' },
      'org/m',
    );
    const checkpoint = await openCheckpoint(source);
    expect(checkpoint.name).toBe('org/m');
    expect(checkpoint.config).toEqual({ model_type: 'llama' });
    expect(checkpoint.generationConfig).toEqual({ eos_token_id: 2 });
    expect([...checkpoint.tensors.keys()]).toEqual(['a', 'shared']);
    const entry = checkpoint.tensors.get('shared');
    const bytes = await entry?.source.read(entry.offset, entry.length);
    expect(new Float32Array(bytes?.buffer ?? new ArrayBuffer(0))).toEqual(new Float32Array([2]));
    expect(await checkpoint.readText('merges.txt')).toBe('a b');
    expect(await checkpoint.readText('tokenizer.json')).toBeUndefined();
  });

  it('takes tensors from the shards that the index names', async () => {
    const map = { a: 'a.safetensors', b: 'b.safetensors', shared: 'b.safetensors' };
    const checkpoint = await openCheckpoint(memorySource({ ...sharded, 'model.safetensors.index.json': index(map) }));
    const files = [...checkpoint.tensors].map(([name, { file }]) => [name, file]);
    expect(Object.fromEntries(files)).toEqual(map);
    expect(checkpoint.generationConfig).toBeUndefined();
  });

  it('keeps tensors that the index forgot', async () => {
    const map = { b: 'b.safetensors' };
    const checkpoint = await openCheckpoint(memorySource({ ...sharded, 'model.safetensors.index.json': index(map) }));
    expect([...checkpoint.tensors.keys()]).toEqual(['b', 'shared']);
  });

  const withIndex = (text: string) => ({ ...sharded, 'model.safetensors.index.json': text });
  const shardAt = (path: unknown) => withIndex(index({ a: path }));
  const config = { 'config.json': '{}' };

  it.each<[string, Record<string, string | Uint8Array>, string, RegExp]>([
    ['no config.json', { 'model.safetensors': shardA }, 'file_missing', /config\.json/],
    ['a config.json that is no JSON', { ...whole, 'config.json': '{' }, 'invalid_config', /config\.json is not JSON/],
    ['a config.json that is an array', { ...whole, 'config.json': '[]' }, 'invalid_config', /JSON object/],
    [
      'a generation config that is null',
      { ...whole, 'generation_config.json': 'null' },
      'invalid_config',
      /generation/,
    ],
    ['a config.json that is no UTF-8', { ...whole, 'config.json': new Uint8Array([0xff]) }, 'file_malformed', /UTF-8/],
    ['no weights', config, 'file_missing', /neither model\.safetensors nor/],
    ['pickled weights', { ...config, 'pytorch_model.bin': '' }, 'file_malformed', /pytorch_model\.bin/],
    ['pickled shards', { ...config, 'pytorch_model-00001-of-00002.bin': '' }, 'file_malformed', /00001/],
    ['GGUF weights', { ...config, 'model-q4_0.gguf': '' }, 'file_malformed', /model-q4_0\.gguf/],
    ['GGUF weights without a config.json', { 'model.gguf': '' }, 'file_malformed', /model\.gguf cannot be read/],
    ['an index without a map', withIndex('{}'), 'file_malformed', /no weight_map/],
    ['an index that is no JSON', withIndex('{'), 'file_malformed', /not JSON/],
    ['a shard above the folder', shardAt('../a.safetensors'), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard above a folder', shardAt('x/../../a.safetensors'), 'file_malformed', /not a \.safetensors file of this/],
    ['an absolute shard', shardAt('/etc/a.safetensors'), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard on a drive', shardAt('C:\\a.safetensors'), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard behind a URL', shardAt('https://x/a.safetensors'), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard of another kind', shardAt('config.json'), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard that is a number', shardAt(1), 'file_malformed', /not a \.safetensors file of this/],
    ['a shard that is not there', shardAt('c.safetensors'), 'file_missing', /c\.safetensors/],
    ['a tensor that its shard lacks', withIndex(index({ b: 'a.safetensors' })), 'tensor_missing', /lacks tensor b/],
    [
      'a tensor in two shards, unmentioned',
      withIndex(index({ a: 'a.safetensors', b: 'b.safetensors' })),
      'file_malformed',
      /tensor shared is in two shards/,
    ],
    ['a damaged shard', { ...whole, 'model.safetensors': shardA.slice(0, -1) }, 'file_malformed', /model\.safetensors/],
  ])('explains %s', async (_, files, code, message) => {
    const error = await openCheckpoint(memorySource(files)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, hint: expect.any(String) });
    expect((error as Error).message).toMatch(message);
  });

  it('stops when aborted', async () => {
    const opening = openCheckpoint(memorySource(whole), AbortSignal.abort());
    await expect(opening).rejects.toMatchObject({ code: 'aborted' });
  });
});
