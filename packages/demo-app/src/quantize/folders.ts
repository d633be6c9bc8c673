// The folders of quantised models in the browser's own file system (OPFS), for the page and the worker. What is in them the
// library writes; which there are is state/own-models.ts.

/** Holds a folder for every model, and what is known about them. */
export const ROOT = 'pagemind-quantized';

/** The library's name for the folder of a model. */
export function pathOf(id: string): string {
  return `${ROOT}/${id}`;
}

/** @throws DOMException when it is not there. */
export async function openFolder(path: string): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const name of path.split('/')) folder = await folder.getDirectoryHandle(name);
  return folder;
}

/** @throws DOMException when the browser does not let go of it; one that is not there is as good as deleted. */
export async function deleteFolder(id: string): Promise<void> {
  try {
    await (await openFolder(ROOT)).removeEntry(id, { recursive: true });
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
  }
}

export async function filesOf(folder: FileSystemDirectoryHandle): Promise<readonly File[]> {
  const files: File[] = [];
  for await (const handle of folder.values()) {
    if (handle.kind === 'file') files.push(await (handle as FileSystemFileHandle).getFile());
  }
  return files;
}
