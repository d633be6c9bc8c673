// Embedding tables and heads that one buffer cannot hold: in several, they give the same bits as in one.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Engine } from './api/engine-api.js';
import { type AssembleOptions, assembleEngine } from './assemble.js';
import { createNodePlatform } from './platform/node.js';
import { folderSource } from './platform/node-source.js';
import { describeWithFixtures } from './testing/fixtures.js';
import { generateIds, idsOf } from './testing/goldens.js';
import { withLimit } from './testing/limited-gpu.js';
import { readTensors } from './testing/tensors.js';

/** INT4 layers have at most 10,240 bytes in a buffer; 64 rows of a table have 8,192 in f16. */
const OPTIONS: AssembleOptions = {
  ...{ dtype: 'float32', quantize: 'int4-g32', enablePrefixCaching: false },
  ...{ maxBatchSize: 1, sessionLen: 96, cacheBlockSeqLen: 16 },
};
const MAX_BUFFER_BYTES = 17_000;

/** What a model answers, what it takes, and the tables it has on a device that can bind `maxBufferBytes` of a buffer. */
async function answersOf(model: string, ids: readonly number[], maxBufferBytes: number) {
  const platform = createNodePlatform();
  const gpu = withLimit(platform.gpu(), maxBufferBytes);
  const tables: [string, number][] = [];
  const local = await assembleEngine({ ...platform, gpu: () => gpu }, folderSource(model), OPTIONS, async (loaded) => {
    for (const [name, { numRows }] of loaded.weights.matrices) if (!/layers/.test(name)) tables.push([name, numRows]);
  });
  const engine = new Engine(local);
  try {
    const answers = {
      prefill: await engine.logits(ids),
      decode: await engine.logits(ids, { decodeFrom: 4 }),
      generated: await generateIds(engine, { kind: 'tokens', ids: [...ids] }, 4),
      weightBytes: engine.info.memory.weightBytes,
      bytesPerToken: engine.info.bytesPerToken,
    };
    return { answers, tables };
  } finally {
    await engine.dispose();
  }
}

describe.each([
  ['llama3-gqa', 'tied', { embedding: [128, 128] }],
  ['llama-mha', 'with a head', { embedding: [64, 64, 64], head: [64, 64, 64] }],
  ['baichuan2-7b', 'whose head has norms', { embedding: [128, 88], head: [128, 88] }],
])('%s, %s', (name, _what, parts: Readonly<Record<string, readonly number[]>>) => {
  describeWithFixtures('tables in several buffers', `goldens/${name}`, (model) => {
    it('answers with the same bits as with tables in one, and takes the same memory', async () => {
      const ids = idsOf(readTensors(readFileSync(`${model}/golden.safetensors`)), 'input_ids').slice(0, 16);
      const whole = await answersOf(model, ids, 2 ** 27);
      const cut = await answersOf(model, ids, MAX_BUFFER_BYTES);
      expect(whole.tables.map(([table]) => table)).toEqual(Object.keys(parts));
      expect(cut.tables).toEqual(
        Object.entries(parts).flatMap(([table, rows]) => rows.map((numRows, i) => [`${table}.${i}`, numRows])),
      );
      expect(cut.answers).toEqual(whole.answers);
    });
  });
});
