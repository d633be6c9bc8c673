// A folder behind the File System API (a folder a person granted access to, or one in OPFS) as a ModelSource.
import { PagemindError } from '../errors.js';
import { blobByteSource } from './blob-source.js';
import { type ModelSource, splitPath } from './source.js';

/** What is used of a `FileSystemDirectoryHandle`. */
export interface DirectoryHandle {
  readonly name: string;
  getDirectoryHandle(name: string): Promise<DirectoryHandle>;
  getFileHandle(name: string): Promise<{ getFile(): Promise<Blob> }>;
  keys(): AsyncIterable<string>;
}

/** The files below `root`. */
export function directorySource(root: DirectoryHandle): ModelSource {
  return {
    name: root.name,
    async open(path) {
      const folders = splitPath(path)?.slice();
      const file = folders?.pop();
      if (!folders || file === undefined) return undefined;
      try {
        let folder = root;
        for (const name of folders) folder = await folder.getDirectoryHandle(name);
        return blobByteSource(await (await folder.getFileHandle(file)).getFile(), path);
      } catch (cause) {
        const { name } = cause as Error;
        if (name === 'NotFoundError' || name === 'TypeMismatchError') return undefined;
        throw new PagemindError('source_unreachable', `${path} could not be opened.`, {
          hint: 'Grant access to the folder again.',
          cause,
        });
      }
    },
    async list() {
      const names: string[] = [];
      for await (const name of root.keys()) names.push(name);
      return names;
    },
  };
}
