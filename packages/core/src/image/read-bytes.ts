// The bytes of an image's file, from wherever they are: a URL, a Blob, or a path where the platform reads files.
// What is in them is not looked at.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { ImageDecoder } from './image.js';

export interface ReadOptions {
  readonly maxBytes: number;
  readonly readFile: ImageDecoder['readFile'];
  readonly signal: AbortSignal | undefined;
}

/** How a message calls an image: by its address, unless that is the image itself. */
export function nameOf(source: unknown): string {
  return typeof source === 'string' && !source.startsWith('data:') ? shorten(source) : 'The image';
}

/**
 * @throws PagemindError `source_unreachable`, `image_too_large`, `invalid_image`, `invalid_request` or `aborted`.
 */
export async function readBytes(source: string | Blob, options: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, readFile, signal } = options;
  if (typeof source !== 'string') return readBlob(source, maxBytes);
  const scheme = /^(https?|blob|data):/i.exec(source)?.[1]?.toLowerCase();
  if (scheme === 'data') return readDataUrl(source, maxBytes);
  if (scheme) return download(source, maxBytes, signal);
  if (readFile) return readFile(source, maxBytes);
  throw new PagemindError('invalid_request', `${shorten(source)} is no address of an image.`, {
    hint: 'Give an absolute http(s):, data: or blob: URL, or the image itself.',
  });
}

/** The error for a file of `size` bytes. */
export function tooManyBytes(name: string, size: number, maxBytes: number): PagemindError {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  return new PagemindError(
    'image_too_large',
    `${name} has ${mib(size)} MiB or more; the limit is ${mib(maxBytes)} MiB.`,
    { hint: 'Make the picture smaller, or save it as JPEG.' },
  );
}

async function readBlob(blob: Blob, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.size > maxBytes) throw tooManyBytes('The image', blob.size, maxBytes);
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw new PagemindError('source_unreachable', 'The image could not be read.', {
      hint: 'The file was changed, moved or deleted after it was chosen; choose it again.',
      cause,
    });
  }
}

/** Not by `fetch`: a page's content security policy rarely lets it connect to `data:`. */
function readDataUrl(url: string, maxBytes: number): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(',');
  // Four characters hold three bytes at most.
  if ((url.length - comma) * 0.75 > maxBytes + 3) throw tooManyBytes('The image', url.length * 0.75, maxBytes);
  try {
    if (comma < 0) throw new Error('no comma');
    const body = url
      .slice(comma + 1)
      .replace(/%([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
    const text = /;\s*base64\s*$/i.test(url.slice(0, comma)) ? atob(body) : body;
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  } catch (cause) {
    throw new PagemindError('invalid_image', 'The data: URL of the image is malformed.', {
      hint: 'It must look like data:image/png;base64,… with whole base64 behind the comma.',
      cause,
    });
  }
}

async function download(
  url: string,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url, { signal: signal ?? null });
    if (!response.ok) throw unreachable(url, `answered with status ${response.status}`);
    return await receive(response, shorten(url), maxBytes);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof PagemindError) throw cause;
    throw unreachable(url, 'could not be downloaded', cause);
  }
}

/** Takes the body, and lets go of it as soon as it is longer than it may be. */
async function receive(response: Response, name: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    parts.push(next.value);
    size += next.value.length;
    if (size > maxBytes) {
      await reader?.cancel();
      throw tooManyBytes(name, size, maxBytes);
    }
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function unreachable(url: string, what: string, cause?: unknown): PagemindError {
  return new PagemindError('source_unreachable', `${shorten(url)} ${what}.`, {
    hint: 'Check the address and the connection; pages may only read from other origins that allow it (CORS).',
    cause,
  });
}

function shorten(address: string): string {
  return address.length > 200 ? `${address.slice(0, 200)}…` : address;
}
