// A folder on disk as a ModelSink, through Node's file system.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { invariant, PagemindError } from '../errors.js';
import type { ModelSink } from '../load/sink.js';
import { splitPath } from '../load/source.js';

/** Files are written below `folder`, which is made when it does not exist. */
export function folderSink(folder: string): ModelSink {
  const root = resolve(folder);
  return {
    async write(path, bytes) {
      invariant(splitPath(path), `${path} stays inside the folder`);
      const absolute = join(root, path);
      try {
        await mkdir(dirname(absolute), { recursive: true });
        await writeFile(absolute, bytes);
      } catch (cause) {
        throw new PagemindError('source_unreachable', `${absolute} could not be written.`, {
          hint: 'Check that you may write there and that there is room.',
          cause,
        });
      }
    },
  };
}
