// Models as Meta and Mistral publish theirs: goldens under those names and params.json answer as they do under Hugging Face's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memorySource } from './load/memory-source.js';
import { createEngine, type NodeEngineOptions } from './node.js';
import { goldenConfig, paramsOf, publishedGolden } from './testing/consolidated.js';
import { describeWithFixtures } from './testing/fixtures.js';
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
  it('Llama gives the reference logits and ids', async () => {
    const files = await publishedGolden('llama-mha', 'pth', paramsOf(goldenConfig('llama-mha')));
    const found = await answersOf('llama-mha', { model: memorySource(files) });
    expect(found.info).toMatchObject({ family: 'llama', weightFormat: 'f32' });
    expectGolden('llama-mha', found);
  });

  it('Mistral gives the reference logits and ids', async () => {
    const sizes = { n_kv_heads: 2, head_dim: 16, hidden_dim: 128, sliding_window: 7, vocab_size: 224 };
    const params = { ...paramsOf(goldenConfig('mistral')), ...sizes };
    const files = await publishedGolden('mistral', 'safetensors', params);
    const found = await answersOf('mistral', { model: memorySource(files) });
    expect(found.info).toMatchObject({ family: 'mistral', weightFormat: 'bf16' });
    expectGolden('mistral', found);
  });

  // Its scaling is that of a shorter model, for which params.json has no key.
  it('Llama 3, on a hub beside another of its checkpoints, gives the reference logits and ids', async () => {
    const config = new TextEncoder().encode(JSON.stringify(goldenConfig('llama3-gqa')));
    const { 'consolidated.00.pth': weights = config } = await publishedGolden('llama3-gqa', 'pth', {});
    const other = { 'config.json': config, 'model.safetensors': config };
    const files = { ...other, 'original/params.json': config, 'original/consolidated.00.pth': weights };
    const hub = await HubServer.start({ 'meta/llama': files });
    const cacheDir = mkdtempSync(join(tmpdir(), 'pagemind-published-'));
    try {
      const options = { model: 'meta/llama', weightsFile: 'original/consolidated.00.pth', endpoint: hub.url, cacheDir };
      const found = await answersOf('llama3-gqa', options);
      expect(found.info).toMatchObject({ model: 'meta/llama', family: 'llama', weightFormat: 'bf16' });
      expectGolden('llama3-gqa', found);
    } finally {
      await hub.close();
      rmSync(cacheDir, { recursive: true });
    }
  });
});
