// A source in memory that refuses what no reader may ask for, for tests of parsers of untrusted files.
import { bytesSource } from '../load/memory-source.js';
import type { ModelSource } from '../load/source.js';

/** Files whose reads must stay inside them and take no more bytes together than `maxTimes` their size. */
export function watchedSource(files: Readonly<Record<string, Uint8Array>>, maxTimes: number): ModelSource {
  return {
    name: 'watched',
    open: async (path) => {
      const bytes = Object.hasOwn(files, path) ? files[path] : undefined;
      if (!bytes) return undefined;
      const file = bytesSource(bytes, path);
      let total = 0;
      return {
        size: bytes.length,
        async read(offset, length, signal) {
          const isInside = offset >= 0 && length >= 0 && offset + length <= bytes.length;
          total += length;
          if (!isInside) throw new Error(`${path}: ${length} bytes at ${offset} of ${bytes.length}`);
          if (total > maxTimes * bytes.length) throw new Error(`${path}: ${total} of ${bytes.length} bytes were read`);
          return file.read(offset, length, signal);
        },
      };
    },
    list: async () => Object.keys(files),
  };
}
