// A checkpoint behind a URL, read by Range requests that are checked and resumed; how one is retried is http-request.ts.
// Keeping what was downloaded is not its business.
import { blobByteSource } from './blob-source.js';
import {
  type Connection,
  contentRange,
  type HttpOptions,
  persist,
  type Remote,
  type RequestDetails,
  send,
  unreachable,
} from './http-request.js';
import { type ByteSource, checkRange, type ModelSource, splitPath } from './source.js';

/** The first request of a file brings this much: all of a small file, or all of most safetensors headers. */
const HEAD_BYTES = 65_536;

/** Files below `baseUrl`, e.g. `/models/my-model`. */
export function httpSource(baseUrl: string, options: HttpOptions = {}, name: string = baseUrl): ModelSource {
  return {
    name,
    async open(path, signal) {
      const parts = splitPath(path);
      if (!parts) return undefined;
      const url = `${baseUrl.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}`;
      return openFile({ url, path, options }, signal);
    },
  };
}

/** Bytes on their way. `filled` survives a broken connection, so that the next attempt goes on from there. */
interface Transfer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

function openFile(remote: Remote, signal: AbortSignal | undefined): Promise<ByteSource | undefined> {
  return persist(remote, signal, async (connection) => {
    const response = await send(remote, connection, bytes(0, HEAD_BYTES));
    if (!response) return undefined;
    // Development servers answer unknown paths with their index page.
    if (response.headers.get('content-type')?.startsWith('text/html')) return undefined;
    // The server knows no Range: the platform keeps the whole body, on disk if it likes, and reads are slices of it.
    if (response.status === 200) return blobByteSource(await wholeBody(response, connection), remote.path);
    const range = contentRange(response);
    if (range && range.first !== 0) throw unreachable(remote, 'does not start where it was asked to');
    const size = response.status === 416 ? 0 : (range?.size ?? (await sizeByHead(remote, connection)));
    const head: Transfer = { bytes: new Uint8Array(Math.min(size, HEAD_BYTES)), filled: 0 };
    await receive(response, 0, head, connection);
    return rangeSource(remote, size, head.bytes);
  });
}

function rangeSource(remote: Remote, size: number, head: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size,
    async read(offset, length, signal) {
      checkRange(remote.path, size, offset, length, signal);
      if (offset + length <= head.length) return head.slice(offset, offset + length);
      const transfer: Transfer = { bytes: new Uint8Array(length), filled: 0 };
      await persist(remote, signal, async (connection) => {
        const first = offset + transfer.filled;
        const response = await send(remote, connection, bytes(first, offset + length));
        const range = response?.status === 206 ? contentRange(response) : undefined;
        if (!response || response.status === 416 || (range && (range.first !== first || range.size !== size))) {
          throw unreachable(remote, 'changed on the server while it was read');
        }
        await receive(response, response.status === 200 ? first : 0, transfer, connection);
      });
      return transfer.bytes;
    },
  };
}

/** Takes the body, without its first `skip` bytes, until the transfer is full. */
async function receive(response: Response, skip: number, transfer: Transfer, connection: Connection): Promise<void> {
  const reader = response.body?.getReader();
  let numToSkip = skip;
  while (transfer.filled < transfer.bytes.length) {
    const next = await reader?.read();
    if (!next || next.done) throw new Error('the answer ended early');
    connection.alive();
    const part = next.value.subarray(numToSkip, numToSkip + transfer.bytes.length - transfer.filled);
    numToSkip = Math.max(0, numToSkip - next.value.length);
    transfer.bytes.set(part, transfer.filled);
    transfer.filled += part.length;
  }
}

function wholeBody(response: Response, connection: Connection): Promise<Blob> {
  const watched = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        connection.alive();
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(watched ?? null).blob();
}

async function sizeByHead(remote: Remote, connection: Connection): Promise<number> {
  const length = (await send(remote, connection, { method: 'HEAD' }))?.headers.get('content-length');
  if (!length) throw unreachable(remote, 'has a size that the server does not tell');
  return Number(length);
}

function bytes(first: number, end: number): RequestDetails {
  return { headers: { Range: `bytes=${first}-${end - 1}` } };
}
