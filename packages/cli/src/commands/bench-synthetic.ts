// `pagemind bench --synthetic`: how a model is loaded, from a hub on this machine that loses connections and then, without
// it, from the cache. The weights are random; seconds are for people, the counts and the peak for tests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine, type NodeEngineOptions } from '@pagemind/core/node';
import { showProgress } from '../progress.js';
import { SYNTHETIC, writeSynthetic } from '../synthetic/checkpoint.js';
import { startLocalHub } from '../synthetic/local-hub.js';
import { UsageError } from '../usage.js';

/** What was measured. */
export interface SyntheticReport {
  readonly model: string;
  /** Of all files. */
  readonly bytes: number;
  readonly droppedConnections: number;
  readonly first: LoadReport;
  /** From the cache; the hub is gone by then. */
  readonly second: LoadReport;
}

interface LoadReport {
  readonly seconds: number;
  /** That the hub sent, broken off ones included. */
  readonly downloadedBytes: number;
  readonly requests: number;
  /** Most JavaScript memory while loading: heap and buffers, the hub's own included. */
  readonly peakBytes: number;
  readonly tokensPerSecond: number;
  readonly tokenIds: readonly number[];
}

const NUM_DROPS = 3;
const SAMPLE_MS = 5;

/** Makes, serves, loads, loads again; everything that was written is deleted. */
export async function benchSynthetic(
  name: string,
  options: Omit<NodeEngineOptions, 'model'>,
  numPrompt: number,
  numNew: number,
): Promise<SyntheticReport> {
  const shapes = Object.hasOwn(SYNTHETIC, name) ? SYNTHETIC[name] : undefined;
  if (!shapes) throw new UsageError(`--synthetic takes ${Object.keys(SYNTHETIC).join(' or ')}.`);
  const id = `synthetic/${name}`;
  const work = await mkdtemp(join(tmpdir(), 'pagemind-synthetic-'));
  try {
    const files = await writeSynthetic(shapes, work);
    const hub = await startLocalHub(id, work, files, NUM_DROPS);
    const load = async (): Promise<LoadReport> => {
      const { numRequests, bytesSent } = hub;
      const loaded = await measure(
        {
          keepPacked: false, // it is the download that is measured
          quantize: 'int4-g64',
          quantizeEmbeddings: 'int4-g64', // as they are, those of the real shapes are larger than some devices' buffers
          sessionLen: 256,
          maxBatchSize: 1,
          ...options,
          model: id,
          endpoint: hub.url,
          cacheDir: join(work, 'cache'),
        },
        numPrompt,
        numNew,
      );
      return { ...loaded, downloadedBytes: hub.bytesSent - bytesSent, requests: hub.numRequests - numRequests };
    };
    const first = await load().finally(() => hub.close());
    const second = await load();
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    return { model: id, bytes, droppedConnections: hub.numDropped, first, second };
  } finally {
    await rm(work, { recursive: true });
  }
}

async function measure(
  options: NodeEngineOptions,
  numPrompt: number,
  numNew: number,
): Promise<Omit<LoadReport, 'downloadedBytes' | 'requests'>> {
  const { onProgress, end } = showProgress();
  let peakBytes = 0;
  const sample = (): void => {
    const { heapUsed, external } = process.memoryUsage();
    peakBytes = Math.max(peakBytes, heapUsed + external);
  };
  const sampling = setInterval(sample, SAMPLE_MS);
  const start = performance.now();
  const engine = await createEngine({
    ...options,
    onProgress: (progress) => {
      sample();
      onProgress(progress);
    },
  }).finally(() => {
    clearInterval(sampling);
    end();
  });
  const seconds = (performance.now() - start) / 1000;
  try {
    return { seconds, peakBytes, ...(await generate(engine, numPrompt, numNew)) };
  } finally {
    await engine.dispose();
  }
}

async function generate(
  engine: Engine,
  numPrompt: number,
  numNew: number,
): Promise<Pick<LoadReport, 'tokenIds' | 'tokensPerSecond'>> {
  const ids = Array.from({ length: numPrompt }, (_, i) => (i * 7919 + 13) % engine.info.vocabSize);
  const tokenIds: number[] = [];
  let tokensPerSecond = 0;
  const request = { prompt: { kind: 'tokens', ids }, sampling: { temperature: 0 }, maxNewTokens: numNew } as const;
  for await (const event of engine.generate({ ...request, ignoreEos: true })) {
    if (event.type === 'delta') tokenIds.push(...event.tokenIds);
    else tokensPerSecond = event.stats.decodeTokensPerSecond;
  }
  return { tokenIds, tokensPerSecond };
}
