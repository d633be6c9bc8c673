// What tests of hubs share: a model, reading all of it as a loader would, and what must come out.
import type { HubModel } from '../hub/hub-model.js';
import { type HubEnvironment, type HubModelOptions, withHubModel } from '../hub/open-model.js';
import type { ModelStorage } from '../hub/storage.js';
import type { HubFiles } from './hub-server.js';

export const ID = 'Some.Owner/a-model_1';

/** Small enough that the weights have many pieces. */
export const SIZES: NonNullable<HubEnvironment['sizes']> = { headBytes: 1000, pieceBytes: 4000 };

/** Bytes that differ from file to file and from place to place. */
export function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 7) * seed + seed) & 255);
}

export const FILES: HubFiles = {
  'config.json': new TextEncoder().encode('{"a":1}'),
  'tokenizer.json': bytesOf(3000, 1),
  'model.safetensors': bytesOf(21_345, 2),
  'README.md': bytesOf(50, 3),
  'onnx/model.onnx': bytesOf(50, 4),
  'pytorch_model.bin': bytesOf(50, 5),
};

/** Of {@link FILES}, in the order of their download. */
export const NEEDED: readonly string[] = ['config.json', 'tokenizer.json', 'model.safetensors'];

export const NEEDED_BYTES: number = NEEDED.reduce((sum, path) => sum + (FILES[path]?.length ?? 0), 0);

/** Everything that opening a model may be told, in one. */
export interface ReadOptions extends HubModelOptions, Partial<HubEnvironment> {
  readonly storage: ModelStorage;
  readonly id?: string;
}

/** Runs `use` with a model, without pauses between attempts. */
export function withModelOf<T>(options: ReadOptions, use: (model: HubModel) => Promise<T>): Promise<T> {
  const { id = ID, http, ...rest } = options;
  const quick = { retryDelayMs: 1, stallTimeoutMs: 2000, sleep: () => Promise.resolve(), ...http };
  return withHubModel(id, rest, { sizes: SIZES, numConnections: 3, ...rest, http: quick }, use);
}

/** Reads every file, the weights first, in parts that do not fit the pieces. */
export function readAll(options: ReadOptions): Promise<Record<string, Uint8Array>> {
  const { signal } = options;
  return withModelOf(options, async (model) => {
    const read: Record<string, Uint8Array> = {};
    for (const path of (await model.list()).toReversed()) {
      const file = await model.open(path);
      if (!file) throw new Error(`no ${path}`);
      const bytes = new Uint8Array(file.size);
      const parts = Array.from({ length: Math.ceil(file.size / 2700) }, async (_, i) => {
        const at = i * 2700;
        bytes.set(await file.read(at, Math.min(2700, file.size - at), signal), at);
      });
      await Promise.all(parts);
      read[path] = bytes;
    }
    await model.settle(signal);
    return read;
  });
}

/** The needed files whose bytes are not those of `files`; all of them when others were read. */
export function differences(read: Readonly<Record<string, Uint8Array>>, files: HubFiles = FILES): readonly string[] {
  const isComplete = Object.keys(read).sort().join() === [...NEEDED].sort().join();
  return NEEDED.filter(
    (path) => !isComplete || Buffer.compare(read[path] ?? Buffer.of(), files[path] ?? Buffer.of()) !== 0,
  );
}
