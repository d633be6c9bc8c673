// Writes models into the browser's own file system, by quantising and by packing, and reads them back. Plain data in and out.
import { convertModel, createEngine, type QuantizeSummary, quantizeModel } from '@pagemind/core';

/** What is in a folder: SHA-256 by path. */
export type Hashes = Readonly<Record<string, string>>;

export interface Writing {
  /** Layers that the present call of `quantize` has finished or found. */
  numLayersDone: number;
  /** Quantises the model at `url` into a folder. */
  quantize(url: string, folder: string, text: string): Promise<QuantizeSummary>;
  /** Packs the model at `url` into a folder, as int4; gives the bytes of its weights, before and after. */
  convert(url: string, folder: string): Promise<readonly [number, number]>;
  /** Ids of greedy answers of the model in a folder, and the format of its weights. */
  answer(folder: string, prompt: readonly number[], num: number): Promise<{ ids: number[]; format: string }>;
  hashes(folder: string): Promise<Hashes>;
}

async function directory(folder: string): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
}

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
    const { sourceBytes, weightBytes } = await convertModel(url, folder, { quantize: 'int4-g64' });
    return [sourceBytes, weightBytes];
  },

  async answer(folder, prompt, num) {
    const engine = await createEngine({ model: await directory(folder), maxBatchSize: 1 });
    try {
      const ids: number[] = [];
      const request = {
        prompt: { kind: 'tokens', ids: prompt },
        sampling: { temperature: 0 },
        maxNewTokens: num,
      } as const;
      for await (const event of engine.generate(request)) if (event.type === 'delta') ids.push(...event.tokenIds);
      return { ids, format: engine.info.weightFormat };
    } finally {
      await engine.dispose();
    }
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
