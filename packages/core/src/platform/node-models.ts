// Models kept on disk: where, how much room there is, and one process at a time. What is kept is decided by the hub's room.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { invariant, throwIfAborted } from '../errors.js';
import type { FileSink } from '../hub/model-cache.js';
import type { ModelStorage } from '../hub/storage.js';
import { splitPath } from '../load/source.js';
import { diskFolder, explained } from './node-folder.js';

/** A lock that its holder has not touched for so long is nobody's. */
const STALE_MS = 10 * 60_000;
const TOUCH_MS = 60_000;
const POLL_MS = 250;

/** The folder of the cache: `$PAGEMIND_CACHE_DIR`, or one where the system wants caches. */
export function defaultCacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const { PAGEMIND_CACHE_DIR: own, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (own) return resolve(own);
  if (platform === 'win32') return join(local ?? join(homedir(), 'AppData', 'Local'), 'pagemind', 'cache');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'pagemind');
  return join(xdg || join(homedir(), '.cache'), 'pagemind');
}

/** Whether there is a file or folder. */
export function isThere(path: string): boolean {
  return existsSync(path);
}

/** Models below `folder`, which is made when something is written. */
export function diskModels(folder: string): ModelStorage {
  const root = join(resolve(folder), 'models');
  const files = join(root, 'files');
  return {
    index: diskFolder(root),
    pieces: (key) => diskFolder(join(files, key)),
    keys: () => explained(files, () => readdir(files).catch(noneIfMissing)),
    deletePieces: (key) => explained(files, () => rm(join(files, key), { recursive: true, force: true })),
    freeBytes: () => freeBytes(root),
    lock: (name, signal) => explained(root, () => lock(join(root, 'locks', fileNameOf(name)), signal)),
    createSha256: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
  };
}

/** A folder to write models to, which is made when it does not exist. */
export function folderFileSink(folder: string): FileSink {
  const root = resolve(folder);
  return {
    write: (path, blocks) =>
      explained(join(root, path), async () => {
        invariant(splitPath(path), `${path} stays inside the folder`);
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), blocks);
      }),
  };
}

/** On the disk of a folder, which need not exist yet. */
async function freeBytes(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  if (found) return found.bavail * found.bsize;
  return dirname(folder) === folder ? undefined : freeBytes(dirname(folder));
}

/** Takes a lock: a file that exists as long as it is held, says by whom, and is touched now and then. */
async function lock(path: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  throwIfAborted(signal);
  while (!(await isCreated(path, `${process.pid} ${hostname()}`))) {
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await sleep(POLL_MS);
    throwIfAborted(signal);
  }
  const touching = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), TOUCH_MS);
  touching.unref();
  return async () => {
    clearInterval(touching);
    await rm(path, { force: true });
  };
}

function isCreated(path: string, content: string): Promise<boolean> {
  return writeFile(path, content, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** Whether the holder is a process of this machine that has ended, or one of another that was not heard of for long. */
async function isAbandoned(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  const [pid, host] = (await readFile(path, 'utf8').catch(() => '')).split(' ');
  if (!info) return false;
  const isOld = Date.now() - info.mtimeMs > STALE_MS;
  return isOld || (host === hostname() && !isRunning(Number(pid)));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/** Any name as one of a file. */
function fileNameOf(name: string): string {
  return encodeURIComponent(name).replaceAll('*', '%2A');
}
