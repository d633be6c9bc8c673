// A folder as one file to download. Nothing is compressed: codes of weights have no patterns left.
import { downloadZip } from 'client-zip';
import { filesOf } from './folders.js';

/** Reads every file once, for its checksum; the browser keeps what is large on disk. */
export async function zipOf(folder: FileSystemDirectoryHandle, name: string): Promise<Blob> {
  const files = await filesOf(folder);
  const entries = files.map((file) => ({ name: `${name}/${file.name}`, input: file, lastModified: file.lastModified }));
  return downloadZip(entries).blob();
}
