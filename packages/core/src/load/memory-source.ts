// Files that are already in memory, as a ModelSource: for tests, and for models made on the fly.
import { type ByteSource, checkRange, type ModelSource } from './source.js';

/** Bytes in memory as a file; `path` appears in messages. */
export function bytesSource(bytes: Uint8Array, path: string): ByteSource {
  return {
    size: bytes.length,
    async read(offset, length, signal) {
      checkRange(path, bytes.length, offset, length, signal);
      return bytes.slice(offset, offset + length);
    },
  };
}

/** Files by path; strings are stored as UTF-8. */
export function memorySource(files: Readonly<Record<string, Uint8Array | string>>, name = 'memory'): ModelSource {
  const sources = new Map<string, ByteSource>();
  for (const [path, content] of Object.entries(files)) {
    sources.set(path, bytesSource(typeof content === 'string' ? new TextEncoder().encode(content) : content, path));
  }
  return {
    name,
    open: async (path) => sources.get(path),
    list: async () => [...sources.keys()],
  };
}
