// A folder on disk as a ModelSource, through Node's file system.
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { PagemindError, throwIfAborted } from '../errors.js';
import { type ByteSource, checkRange, type ModelSource, splitPath } from '../load/source.js';

/**
 * The files below `folder`; paths that leave it do not exist. Symbolic links are followed: the hub's own cache is made
 * of them.
 */
export function folderSource(folder: string): ModelSource {
  const root = resolve(folder);
  return {
    name: basename(root),
    async open(path, signal) {
      if (!splitPath(path)) return undefined;
      const absolute = join(root, path);
      const info = await stat(absolute).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
        throw unreadable(path, cause);
      });
      throwIfAborted(signal);
      return info?.isFile() ? fileSource(absolute, path, info.size) : undefined;
    },
    list: () => readdir(root).catch(() => []),
  };
}

function fileSource(absolute: string, path: string, size: number): ByteSource {
  return {
    size,
    async read(offset, length, signal) {
      checkRange(path, size, offset, length, signal);
      const bytes = new Uint8Array(length);
      // Opened per read: windows are large, and nobody has to remember to close anything.
      let file: FileHandle | undefined;
      let done = 0;
      try {
        file = await open(absolute, 'r');
        while (done < length) {
          const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
      } catch (cause) {
        throw unreadable(path, cause);
      } finally {
        await file?.close();
      }
      checkRange(path, offset + done, offset, length, signal); // the file may have shrunk since it was opened
      return bytes;
    },
  };
}

function unreadable(path: string, cause: unknown): PagemindError {
  return new PagemindError('source_unreachable', `${path} could not be read.`, {
    hint: 'Check that the file exists and that you may read it.',
    cause,
  });
}
