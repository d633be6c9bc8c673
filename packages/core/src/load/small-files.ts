// The files of a checkpoint that are read whole: configuration, tokenizer, templates. What they say is the business of others.
import { PagemindError } from '../errors.js';
import type { ModelSource } from './source.js';

/** Reads whole files; a file that does not exist gives undefined. */
export interface SmallFiles {
  /** @throws PagemindError `file_malformed` when the file is too large or not UTF-8, `source_unreachable`, `aborted`. */
  readText(path: string, signal?: AbortSignal): Promise<string | undefined>;
  /** @throws PagemindError `file_malformed` when the file is too large, `source_unreachable`, `aborted`. */
  readBytes(path: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** The largest tokenizers of the hub have some 35 MB. */
const MAX_BYTES = 128 * 1024 * 1024;

/** The small files of a source. */
export function smallFiles(source: ModelSource): SmallFiles {
  const hint = (path: string): string => `Download ${path} again.`;
  const readBytes: SmallFiles['readBytes'] = async (path, signal) => {
    const file = await source.open(path, signal);
    if (!file) return undefined;
    if (file.size > MAX_BYTES) {
      throw new PagemindError('file_malformed', `${path} has ${file.size} bytes; the limit is ${MAX_BYTES}.`, {
        hint: hint(path),
      });
    }
    return file.read(0, file.size, signal);
  };
  return {
    readBytes,
    readText: async (path, signal) => {
      const bytes = await readBytes(path, signal);
      try {
        return bytes && new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      } catch (cause) {
        throw new PagemindError('file_malformed', `${path} is not text in UTF-8.`, { hint: hint(path), cause });
      }
    },
  };
}
