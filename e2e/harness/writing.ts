// Writes models into the browser's own file system, by quantising and by packing, and reads them back. Plain data in and out.
import { convertModel, createEngine, listCached, type QuantizeSummary, quantizeModel } from '@pagemind/core';

/** What is in a folder: SHA-256 by path. */
export type Hashes = Readonly<Record<string, string>>;

export interface Answer {
  readonly ids: readonly number[];
  readonly format: string;
  readonly numConversions: number;
}

export interface Writing {
  /** Layers that the present call of `quantize` has finished or found. */
  numLayersDone: number;
  /** Quantises the model at `url` into a folder. */
  quantize(url: string, folder: string, text: string): Promise<QuantizeSummary>;
  /** Packs the model at `url` into a folder, as int4; gives the bytes of its weights, before and after. */
  convert(url: string, folder: string): Promise<readonly [number, number]>;
  /** Ids that the model in a folder says greedily; one at a URL or of a hub is quantised as `convert` does. */
  answer(model: string, prompt: readonly number[], num: number, endpoint?: string): Promise<Answer>;
  hashes(folder: string): Promise<Hashes>;
  /** Models of hubs in the cache, and the bytes of their packed copies. */
  cached(): Promise<readonly (readonly [id: string, packedBytes: number])[]>;
}

async function directory(folder: string): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
}

const FORMAT = 'int4-g64';

export const writing: Writing = {
  numLayersDone: 0,

  quantize(url, folder, text) {
    return quantizeModel(url, folder, {
      wGroupSize: 64,
      searchScale: true,
      calibration: { text, samples: 1, seqlen: 32 },
      onProgress: ({ layer }) => {
        writing.numLayersDone = layer;
      },
    });
  },

  async convert(url, folder) {
    const { sourceBytes, weightBytes } = await convertModel(url, folder, { quantize: FORMAT });
    return [sourceBytes, weightBytes];
  },

  async answer(model, prompt, num, endpoint) {
    const isElsewhere = URL.canParse(model) || endpoint !== undefined;
    const place = isElsewhere
      ? { model, quantize: FORMAT, ...(endpoint !== undefined && { endpoint }) }
      : { model: await directory(model) };
    const engine = await createEngine({ ...place, maxBatchSize: 1 });
    try {
      const ids: number[] = [];
      const request = {
        prompt: { kind: 'tokens', ids: prompt },
        sampling: { temperature: 0 },
        maxNewTokens: num,
      } as const;
      for await (const event of engine.generate(request)) if (event.type === 'delta') ids.push(...event.tokenIds);
      const { weightFormat: format, numConversions } = engine.info;
      return { ids, format, numConversions };
    } finally {
      await engine.dispose();
    }
  },

  async cached() {
    return (await listCached()).map(({ id, packedBytes }) => [id, packedBytes]);
  },

  async hashes(folder) {
    const hashes: [string, string][] = [];
    for await (const [name, handle] of (await directory(folder)).entries()) {
      const content = await (handle as FileSystemFileHandle).getFile();
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await content.arrayBuffer()));
      hashes.push([name, Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')]);
    }
    return Object.fromEntries(hashes.sort(([a], [b]) => a.localeCompare(b)));
  },
};
