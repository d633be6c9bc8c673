// Quantising a model end to end: what is written loads again, a job that is broken off goes on where it was and writes the same
// bytes, and rounding to nearest has the perplexity of the reference.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { bytesSource } from '../load/memory-source.js';
import type { ModelSource } from '../load/source.js';
import { createEngine, planModel, quantizeModel } from '../node.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { errorOf } from '../testing/goldens.js';
import { perplexity, TINYSTORIES } from '../testing/tinystories.js';
import type { QuantizeModelOptions } from './options.js';
import type { WorkFolder } from './quantized-output.js';

/** Files in memory, in the order in which they were written. */
class MemoryFolder implements WorkFolder, ModelSource {
  readonly name = 'memory';
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly written: string[] = [];

  async open(path: string): Promise<ReturnType<typeof bytesSource> | undefined> {
    const bytes = this.files.get(path);
    return bytes && bytesSource(bytes, path);
  }

  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.files.set(path, bytes.slice());
    this.written.push(path);
  }
}

describeWithFixtures('quantising tinystories', TINYSTORIES, (model) => {
  const text = readFileSync(fixturesPath('fixtures/text/tinystories/tiny_stories.txt'), 'utf8').slice(200_000, 220_000);
  const calibration = { text, samples: 1, seqlen: 32 };

  it.each<[string, Omit<QuantizeModelOptions, 'calibration'>]>([
    ['AWQ with both searches', { method: 'awq', searchScale: true, clip: true, wGroupSize: 64 }],
    ['GPTQ', { method: 'gptq', wGroupSize: 64, wSym: false }],
  ])('%s, broken off and made again, writes the same bytes', async (_, options) => {
    const whole = new MemoryFolder();
    const summary = await quantizeModel(model, whole, { ...options, calibration });
    expect(summary).toMatchObject({ numLayers: 2, numFound: 0 });
    expect(whole.written.at(-1)).toBe('config.json');

    const broken = new MemoryFolder();
    const controller = new AbortController();
    const onProgress = ({ layer }: { layer: number }): void => {
      if (layer === 1) controller.abort();
    };
    const { signal } = controller;
    const attempt = quantizeModel(model, broken, { ...options, calibration, signal, onProgress });
    await expect(attempt).rejects.toMatchObject({ code: 'aborted' });
    expect(broken.written).toEqual(['model-00001-of-00003.safetensors']);
    // What a killed process leaves of a file.
    const second = whole.files.get('model-00002-of-00003.safetensors') as Uint8Array<ArrayBuffer>;
    broken.files.set('model-00002-of-00003.safetensors', second.slice(0, -100));
    expect(await quantizeModel(model, broken, { ...options, calibration })).toMatchObject({ numFound: 1 });
    expect([...broken.files.keys()].sort()).toEqual([...whole.files.keys()].sort());
    for (const [path, bytes] of whole.files) expect(Buffer.compare(broken.files.get(path) ?? bytes, bytes)).toBe(0);

    const engine = await createEngine({ model: broken, maxBatchSize: 1 });
    expect(engine.info.weightFormat).toBe('int4-g64');
    const value = await perplexity(engine, 4);
    await engine.dispose();
    expect(value).toBeGreaterThan(20);
    expect(value).toBeLessThan(45);
  });

  it('begins anew for other options', async () => {
    const folder = new MemoryFolder();
    await quantizeModel(model, folder, { method: 'rtn', calibration });
    const other = await quantizeModel(model, folder, { method: 'rtn', wGroupSize: 64, calibration });
    expect(other.numFound).toBe(0);
    const same = await quantizeModel(model, folder, { method: 'rtn', wGroupSize: 64, calibration });
    expect(same.numFound).toBe(2);
  });

  it('rounds to nearest with the perplexity of the reference, in 3.76 times less memory', async () => {
    const folder = new MemoryFolder();
    await quantizeModel(model, folder, { method: 'rtn', calibration });
    const options = { model: folder, maxBatchSize: 1 };
    const planned = (await planModel(options)).memory.weightBytes;
    const engine = await createEngine(options);
    try {
      expect(Math.abs((await perplexity(engine)) - 33.48)).toBeLessThan(0.05);
      // 196,608 weights in the linears of a layer; in f16 two bytes each.
      const linears = 2 * 196_608;
      const others = 2048 * 128 * 4 + 5 * 128 * 4;
      expect(engine.info.memory.weightBytes).toBe(planned);
      expect((linears * 2) / (planned - others)).toBeGreaterThan(3.76);
    } finally {
      await engine.dispose();
    }
  });

  it.each<[string, Partial<QuantizeModelOptions>, string]>([
    ['groups that do not divide the columns', { wGroupSize: 256 }, 'invalid_option'],
    ['8 bits with AWQ', { wBits: 8 }, 'invalid_option'],
    ['a text shorter than a window', { calibration: { text: 'Once', seqlen: 32 } }, 'invalid_option'],
    ['version 1 of GPTQ with zero points', { method: 'gptq', wSym: false, checkpointFormat: 'gptq' }, 'invalid_option'],
  ])('refuses %s', async (_, options, code) => {
    const attempt = quantizeModel(model, new MemoryFolder(), { calibration, ...options });
    await expect(attempt).rejects.toMatchObject({ code });
  });

  it('refuses what is quantised already', async () => {
    const attempt = quantizeModel(fixturesPath('goldens/llama-awq-gemm-g32'), new MemoryFolder(), { calibration });
    await expect(attempt).rejects.toMatchObject({ code: 'unsupported_format' });
  });

  it('scores given tokens as their logits do', async () => {
    const engine = await createEngine({ model, maxBatchSize: 2, maxPrefillTokenNum: 16, dtype: 'float32' });
    try {
      const ids = Array.from({ length: 40 }, (_, i) => (i * 37) % 2000);
      const [logits, logprobs, again] = await Promise.all([
        engine.logits(ids),
        engine.logprobs(ids),
        engine.logprobs(ids.slice(0, 17)),
      ]);
      const wanted = Float32Array.from({ length: 39 }, (_, i) => {
        const row = logits.subarray(i * 2048, (i + 1) * 2048);
        const most = row.reduce((a, b) => Math.max(a, b));
        const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
        return (row[ids[i + 1] as number] as number) - most - Math.log(sum);
      });
      expect(errorOf(logprobs, wanted)).toBeLessThan(1e-4);
      expect(errorOf(again, wanted.slice(0, 16))).toBeLessThan(1e-4);
    } finally {
      await engine.dispose();
    }
  });
});
