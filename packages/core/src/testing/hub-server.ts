// A hub on this machine that serves models from memory, speaks as Hugging Face or ModelScope do, counts what it is asked, and
// misbehaves when it is told to.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Files of a model by path. */
export type HubFiles = Readonly<Record<string, Uint8Array>>;

/** What goes wrong with one answer. `after`: bytes of the body that are sent properly. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: 'drop' | 'truncate' | 'stall' | 'long'; readonly after: number }
  | { readonly kind: 'corrupt'; readonly at: number }
  | { readonly kind: 'drip'; readonly bytes: number; readonly everyMs: number }
  | { readonly kind: 'ignoreRange' | 'etag' | 'wrongRange' | 'hiddenRange' | 'html' | 'refuse' };

/** A request for the bytes of a file. */
export interface FileRequest {
  readonly id: string;
  readonly path: string;
  readonly range: readonly [first: number, last: number] | undefined;
  readonly headers: IncomingMessage['headers'];
}

const COMMIT = 'c0ffee'.padEnd(40, '0');

export class HubServer {
  /** By id; may be changed while it runs. */
  readonly models: Map<string, HubFiles>;
  /** Of lists and files, in order. */
  readonly requests: string[] = [];
  /** Decides what goes wrong with the answer to a file's request. */
  fault: (request: FileRequest) => Fault | undefined = () => undefined;
  /** What goes wrong with lists. */
  listFault: () => Fault | undefined = () => undefined;
  /** Named by the list; a file without hashes can only be checked by its size and ETag. */
  hasHashes = true;
  commit: string = COMMIT;
  /** Entries of a page of the list. */
  pageSize = 1000;
  numBytesSent = 0;
  readonly #server: Server;

  private constructor(models: Readonly<Record<string, HubFiles>>) {
    this.models = new Map(Object.entries(models));
    this.#server = createServer((request, response) => {
      response.on('error', () => {});
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Allow-Headers', 'range, if-range, authorization');
      response.setHeader('Access-Control-Expose-Headers', 'content-range, etag, link, retry-after');
      if (request.method === 'OPTIONS') response.writeHead(204).end();
      else this.#answer(request, response);
    });
  }

  static async start(models: Readonly<Record<string, HubFiles>>, port = 0): Promise<HubServer> {
    const hub = new HubServer(models);
    await new Promise<void>((resolve) => hub.#server.listen(port, '127.0.0.1', resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A second address of the same server, under which it is taken for a ModelScope. */
  get modelScopeUrl(): string {
    return this.url.replace('127.0.0.1', 'modelscope.localhost');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    const path = decodeURIComponent(url.pathname);
    const file = /^\/(?:models\/)?([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(path);
    this.requests.push(`${file ? file[2] : `${path}${url.search}`} ${request.headers.range ?? ''}`.trim());
    if (file) this.#sendFile(file[1] as string, file[2] as string, request, response);
    else this.#sendList(path, url, response);
  }

  #sendList(path: string, url: URL, response: ServerResponse): void {
    const fault = this.listFault();
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.retryAfter ? { 'Retry-After': fault.retryAfter } : {}).end();
      return;
    }
    if (fault?.kind === 'html') {
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>');
      return;
    }
    const [, info] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\//.exec(path) ?? [];
    const [, tree] = /^\/api\/models\/([^/]+\/[^/]+)\/tree\//.exec(path) ?? [];
    const [, scope] = /^\/api\/v1\/models\/([^/]+\/[^/]+)\/repo\/files$/.exec(path) ?? [];
    const files = this.models.get(info ?? tree ?? scope ?? '');
    if (!files) response.writeHead(404).end('{}');
    else if (info) response.end(JSON.stringify({ id: info, sha: this.commit }));
    else if (scope) response.end(JSON.stringify({ Code: 200, Data: { Files: this.#scopeFiles(files) } }));
    else {
      const start = Number(url.searchParams.get('cursor') ?? 0);
      const entries = [{ type: 'directory', path: 'sub', size: 0, oid: '' }, ...this.#treeFiles(files)];
      if (start + this.pageSize < entries.length) {
        url.searchParams.set('cursor', String(start + this.pageSize));
        response.setHeader('Link', `<https://hub.invalid${url.pathname}${url.search}>; rel="next"`);
      }
      response.end(JSON.stringify(entries.slice(start, start + this.pageSize)));
    }
  }

  #treeFiles(files: HubFiles): object[] {
    return Object.entries(files).map(([path, bytes]) => {
      const size = bytes.length;
      const isLarge = /\.(safetensors|bin|gguf)$/.test(path);
      if (!this.hasHashes) return { type: 'file', path, size };
      const git = createHash('sha1').update(`blob ${size}\0`).update(bytes).digest('hex');
      const oid = createHash('sha256').update(bytes).digest('hex');
      return { type: 'file', path, size, oid: git, ...(isLarge && { lfs: { oid, size, pointerSize: 130 } }) };
    });
  }

  #scopeFiles(files: HubFiles): object[] {
    return Object.entries(files).map(([path, bytes]) => ({
      Path: path,
      Name: path,
      Type: 'blob',
      Size: bytes.length,
      Revision: this.commit,
      ...(this.hasHashes && { Sha256: createHash('sha256').update(bytes).digest('hex') }),
    }));
  }

  #sendFile(id: string, path: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.models.get(id)?.[path];
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const range = match ? ([Number(match[1]), Number(match[2])] as const) : undefined;
    const fault = this.fault({ id, path, range, headers: request.headers });
    const etag = `"${createHash('md5')
      .update(bytes ?? '')
      .digest('hex')}${fault?.kind === 'etag' ? Math.random() : ''}"`;
    const ifRange = request.headers['if-range'];
    if (!bytes) response.writeHead(404).end();
    else if (fault?.kind === 'refuse') request.destroy();
    else if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.retryAfter ? { 'Retry-After': fault.retryAfter } : {}).end();
    } else if (fault?.kind === 'html') response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>');
    else if (range && range[0] >= bytes.length) {
      response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
    } else {
      const isWhole = !range || fault?.kind === 'ignoreRange' || (ifRange !== undefined && ifRange !== etag);
      const first = isWhole ? 0 : range[0];
      const end = isWhole ? bytes.length : Math.min(range[1] + 1, bytes.length);
      const said = fault?.kind === 'wrongRange' ? first + 1 : first;
      response.writeHead(isWhole ? 200 : 206, {
        ETag: etag,
        ...(!isWhole &&
          fault?.kind !== 'hiddenRange' && { 'Content-Range': `bytes ${said}-${end - 1}/${bytes.length}` }),
        ...(fault?.kind !== 'truncate' && fault?.kind !== 'long' && { 'Content-Length': end - first }),
      });
      this.#sendBody(new Uint8Array(bytes.subarray(first, end)), fault, response);
    }
  }

  #sendBody(body: Uint8Array, fault: Fault | undefined, response: ServerResponse): void {
    if (fault?.kind === 'corrupt' && body.length > 0) {
      const at = fault.at % body.length;
      body[at] = (body[at] ?? 0) ^ 0x40;
    }
    const isCut = fault?.kind === 'drop' || fault?.kind === 'truncate' || fault?.kind === 'stall';
    const sent = isCut ? body.subarray(0, fault.after) : body;
    this.numBytesSent += sent.length;
    if (fault?.kind === 'drop') response.write(sent, () => setImmediate(() => response.destroy()));
    else if (fault?.kind === 'stall') response.write(sent);
    else if (fault?.kind === 'drip') drip(sent, fault.bytes, fault.everyMs, response);
    else if (fault?.kind === 'long') response.end(Buffer.concat([sent, Buffer.alloc(fault.after + 1)]));
    else response.end(sent);
  }
}

function drip(body: Uint8Array, bytes: number, everyMs: number, response: ServerResponse): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(body.subarray(at, at + bytes));
    at += bytes;
    if (at < body.length && !response.destroyed) return;
    clearInterval(timer);
    response.end();
  }, everyMs);
}
