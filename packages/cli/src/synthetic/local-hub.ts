// A hub on this machine for one model in a folder, which loses connections as real networks do. For measuring alone.
import { createReadStream } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { WrittenFile } from './checkpoint.js';

/** A hub that runs. */
export interface LocalHub {
  readonly url: string;
  readonly numRequests: number;
  readonly bytesSent: number;
  readonly numDropped: number;
  close(): Promise<void>;
}

const COMMIT = '5'.repeat(40);
/** A connection is lost after so much of a body. */
const DROPPED_AFTER = 1_000_000;

/**
 * Serves the files of `folder` as the model `id`.
 * @param numDrops connections that are lost in the middle: every second large one, until there were so many
 */
export async function startLocalHub(
  id: string,
  folder: string,
  files: readonly WrittenFile[],
  numDrops: number,
): Promise<LocalHub> {
  const counts = { numRequests: 0, bytesSent: 0, numDropped: 0 };
  let numRanges = 0;
  const send = (response: ServerResponse, file: WrittenFile, range: string): void => {
    const [, from = '0', to = String(file.size - 1)] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    const [first, last] = [Number(from), Math.min(Number(to), file.size - 1)];
    response.writeHead(206, {
      'Content-Length': last + 1 - first,
      'Content-Range': `bytes ${first}-${last}/${file.size}`,
    });
    const isDropped = last - first > DROPPED_AFTER && numRanges++ % 2 === 1 && counts.numDropped < numDrops;
    if (isDropped) counts.numDropped++;
    const end = isDropped ? first + DROPPED_AFTER : last;
    const stream = createReadStream(join(folder, file.path), { start: first, end });
    stream.on('data', (bytes) => {
      counts.bytesSent += bytes.length;
    });
    stream.on('error', () => response.destroy());
    response.on('close', () => stream.destroy());
    if (isDropped) stream.on('end', () => response.destroy());
    stream.pipe(response, { end: !isDropped });
  };
  const server = createServer((request, response) => {
    counts.numRequests++;
    const path = decodeURIComponent(request.url ?? '');
    const file = files.find((one) => path === `/${id}/resolve/${COMMIT}/${one.path}`);
    if (file) send(response, file, request.headers.range ?? '');
    else if (path === `/api/models/${id}/revision/main`) response.end(JSON.stringify({ id, sha: COMMIT }));
    else if (path.startsWith(`/api/models/${id}/tree/`)) response.end(JSON.stringify(files.map(entryOf)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get numRequests() {
      return counts.numRequests;
    },
    get bytesSent() {
      return counts.bytesSent;
    },
    get numDropped() {
      return counts.numDropped;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function entryOf({ path, size, sha256 }: WrittenFile): object {
  return { type: 'file', path, size, lfs: { oid: sha256, size } };
}
