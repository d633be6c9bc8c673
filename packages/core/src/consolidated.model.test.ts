// Models as Meta and Mistral publish theirs: goldens under those names and params.json answer as they do under Hugging Face's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memorySource } from './load/memory-source.js';
import { createEngine, type NodeEngineOptions } from './node.js';
import { folderSource } from './platform/node-source.js';
import { goldenConfig, paramsOf, publishedGolden } from './testing/consolidated.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf, readGolden } from './testing/goldens.js';
import { HubServer } from './testing/hub-server.js';

/** Logits of a golden's prompt and of its answer, and the answer. */
async function answersOf(golden: string, options: NodeEngineOptions) {
  const tensors = readGolden(golden);
  const prompt = idsOf(tensors, 'input_ids');
  const all = [...prompt, ...idsOf(tensors, 'greedy_ids')];
  const sizes = { maxBatchSize: 2, maxPrefillTokenNum: prompt.length + 8, cacheBlockSeqLen: 16, sessionLen: 128 };
  const engine = await createEngine({ dtype: 'float32', ...sizes, ...options });
  try {
    const logits = await engine.logits(all, { decodeFrom: prompt.length });
    const split = prompt.length * engine.info.vocabSize;
    const ids = await generateIds(engine, { kind: 'tokens', ids: prompt }, 24);
    return { info: engine.info, prefilled: logits.subarray(0, split), decoded: logits.subarray(split), ids };
  } finally {
    await engine.dispose();
  }
}

function expectGolden(golden: string, found: Awaited<ReturnType<typeof answersOf>>): void {
  const wanted = readGolden(golden);
  expect(errorOf(found.prefilled, floatsOf(wanted, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
  expect(errorOf(found.decoded, floatsOf(wanted, 'forced_logits'))).toBeLessThan(GOLDEN_TOLERANCE);
  expect(found.ids).toEqual(idsOf(wanted, 'greedy_ids'));
}

describeWithFixtures('models as they are published', 'goldens/README.md', () => {
  it('Llama, from a hub, gives the reference logits and ids', async () => {
    const files = await publishedGolden('llama-mha', 'pth', paramsOf(goldenConfig('llama-mha')));
    const hub = await HubServer.start({ 'meta/llama': files });
    const cacheDir = mkdtempSync(join(tmpdir(), 'pagemind-published-'));
    try {
      const found = await answersOf('llama-mha', { model: 'meta/llama', endpoint: hub.url, cacheDir });
      expect(found.info).toMatchObject({ model: 'meta/llama', family: 'llama', weightFormat: 'f32' });
      expectGolden('llama-mha', found);
    } finally {
      await hub.close();
      rmSync(cacheDir, { recursive: true });
    }
  });

  it('Mistral gives the reference logits and ids', async () => {
    const sizes = { n_kv_heads: 2, head_dim: 16, hidden_dim: 128, sliding_window: 7, vocab_size: 224 };
    const params = { ...paramsOf(goldenConfig('mistral')), ...sizes };
    const files = await publishedGolden('mistral', 'safetensors', params);
    const found = await answersOf('mistral', { model: memorySource(files) });
    expect(found.info).toMatchObject({ family: 'mistral', weightFormat: 'bf16' });
    expectGolden('mistral', found);
  });

  // The golden's own scaling is that of a shorter model, for which params.json has no key.
  it('Llama 3.2, tied and with scaled frequencies, gives the same bits as with a config.json', async () => {
    const config = goldenConfig('llama3-gqa');
    const params = { ...paramsOf(config), n_kv_heads: 2, rope_theta: 500_000, use_scaled_rope: true };
    const files = await publishedGolden('llama3-gqa', 'pth', params);
    const found = await answersOf('llama3-gqa', { model: memorySource(files) });

    const scaling = { ...(config['rope_scaling'] as object), factor: 32, original_max_position_embeddings: 8192 };
    const scaled = { ...config, rope_theta: 500_000, rope_scaling: scaling };
    const made = memorySource({ 'config.json': JSON.stringify(scaled) });
    const folder = folderSource(fixturesPath('goldens/llama3-gqa'));
    const open: typeof folder.open = async (path) => (await made.open(path)) ?? folder.open(path);
    const wanted = await answersOf('llama3-gqa', { model: { name: 'with config.json', open } });
    expect([found.prefilled, found.decoded, found.ids]).toEqual([wanted.prefilled, wanted.decoded, wanted.ids]);
    expect(found.info.memory.weightBytes).toBe(wanted.info.memory.weightBytes);
  });
});
