// The kernels and their reference against the distributions of goldens/sampling.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, type TestContext } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { expectFollows, pickedId, plain, step, VOCAB } from '../../testing/sampling.js';
import { distribution } from './sampler.reference.js';

interface GoldenParams {
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly repetition_penalty?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  readonly bad_token_ids?: number[];
  readonly min_new_tokens?: number;
  readonly eos_token_ids?: number[];
}

interface GoldenSet {
  readonly row: number;
  readonly prompt: number[];
  readonly generated: number[];
  readonly params: GoldenParams;
}

/** Reads the golden sets with their logits and probabilities; skips the test when there are none. */
function readGoldens(context: TestContext) {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const folder = `${process.env['PAGEMIND_FIXTURES'] ?? `${root}../shared`}/goldens/sampling`;
  if (!existsSync(`${folder}/params.json`)) context.skip(`no goldens in ${folder}`);
  const { sets } = JSON.parse(readFileSync(`${folder}/params.json`, 'utf8')) as { sets: GoldenSet[] };
  const file = readFileSync(`${folder}/golden.safetensors`);
  const headerLength = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const bytesOf = (name: string): ArrayBuffer => {
    const [from = 0, to = 0] = header[name]?.data_offsets ?? [];
    return Uint8Array.from(file.subarray(8 + headerLength + from, 8 + headerLength + to)).buffer;
  };
  const logits = new Float32Array(bytesOf('logits'));
  const probabilities = new Float64Array(bytesOf('probs'));
  const vocab = header['logits']?.shape[1] ?? 0;
  return sets.map(({ row, prompt, generated, params }, index) => ({
    logits: logits.subarray(row * vocab, (row + 1) * vocab),
    history: { prompt, generated, banned: params.bad_token_ids ?? [] },
    sampling: {
      ...plain,
      temperature: params.temperature ?? 1,
      topK: params.top_k ?? 0,
      topP: params.top_p ?? 1,
      minP: params.min_p ?? 0,
      repetitionPenalty: params.repetition_penalty ?? 1,
      presencePenalty: params.presence_penalty ?? 0,
      frequencyPenalty: params.frequency_penalty ?? 0,
      minPosition: prompt.length + (params.min_new_tokens ?? 0),
      stopIds: params.eos_token_ids ?? [],
      hasBanned: params.bad_token_ids !== undefined,
    },
    position: prompt.length + generated.length - 1,
    probabilities: probabilities.subarray(index * vocab, (index + 1) * vocab),
    name: JSON.stringify(params),
  }));
}

describe('goldens', () => {
  it('the reference computes their distributions', (context) => {
    for (const { logits, history, sampling, probabilities, name } of readGoldens(context)) {
      const actual = distribution(logits, history, sampling);
      for (const [id, expected] of probabilities.entries())
        expect(actual[id], `${name}, ${id}`).toBeCloseTo(expected, 9);
    }
  });

  // That all variants draw what the reference draws is in sampling.test.ts.
  it('the kernels draw from them', async (context) => {
    const goldens = readGoldens(context);
    const test = await testDevice();
    const numDraws = 400;
    const draws = goldens.flatMap(({ logits, history, sampling, position }) =>
      Array.from({ length: numDraws }, (_, seed) => ({ logits, history, position, sampling: { ...sampling, seed } })),
    );
    const { ids } = await step(test, pickedId(test), VOCAB, draws);
    goldens.forEach(({ probabilities, name }, index) => {
      expectFollows(ids.slice(index * numDraws, (index + 1) * numDraws), probabilities, name);
    });
  });
});
