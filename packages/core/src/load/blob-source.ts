// Files a person chose in the page, as a ModelSource: a list of File objects, a dropped folder, or blobs by path.
import { PagemindError } from '../errors.js';
import { type ByteSource, checkRange, type ModelSource } from './source.js';

/** A blob as a file; `path` appears in messages. */
export function blobByteSource(blob: Blob, path: string): ByteSource {
  return {
    size: blob.size,
    async read(offset, length, signal) {
      checkRange(path, blob.size, offset, length, signal);
      try {
        return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        throw new PagemindError('source_unreachable', `${path} could not be read.`, {
          hint: 'The file was changed, moved or deleted after it was chosen; choose it again.',
          cause,
        });
      }
    },
  };
}

/**
 * Files of `<input type="file" multiple>`, of `<input webkitdirectory>` (paths inside the chosen folder), or blobs by path.
 * @param name defaults to the chosen folder's name
 */
export function blobSource(files: Iterable<File> | ReadonlyMap<string, Blob>, name?: string): ModelSource {
  const blobs = new Map<string, Blob>();
  let folder: string | undefined;
  if (files instanceof Map) {
    for (const [path, blob] of files) blobs.set(path, blob);
  } else {
    for (const file of files as Iterable<File>) {
      // Empty for files chosen one by one, else `folder/path/in/it`; Node's File lacks the property.
      const [root, ...inside] = (file.webkitRelativePath ?? '').split('/');
      if (inside.length > 0) folder = root;
      blobs.set(inside.length > 0 ? inside.join('/') : file.name, file);
    }
  }
  return {
    name: name ?? folder ?? 'files',
    async open(path) {
      const blob = blobs.get(path);
      return blob && blobByteSource(blob, path);
    },
    list: async () => [...blobs.keys()],
  };
}
