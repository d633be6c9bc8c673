// A small static server for the built demo and for model folders: cross-origin isolated, loopback only, read-only, with
// byte ranges. Building the demo and choosing the folders belong to start.mjs and to the browser tests.
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SetupError } from './process.mjs';

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
  'Accept-Ranges': 'bytes',
};

/**
 * Serves `folder` at `/` and, below `/models/`, its own model folders and those in `models`.
 * @param {{ folder: string, models?: string, port?: number, exact?: boolean }} options `port` 0 takes any free port;
 *   unless `exact`, a port in use gives way to the next free one.
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serve({ folder, models, port = 5173, exact = false }) {
  const server = createServer((request, response) => {
    answer(request, response, folder, models).catch((error) => {
      if (response.headersSent) response.destroy();
      else send(response, statusOf(error));
    });
  });
  const bound = await listen(server, port, exact ? port : port + 100);
  const close = () =>
    new Promise((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return { url: `http://localhost:${bound}`, close };
}

/** Binds to the first free port from `port` to `last` on the loopback interface. */
function listen(server, port, last) {
  return new Promise((done, fail) => {
    const onError = (error) => {
      if (error.code === 'EADDRINUSE' && port < last) server.listen(++port, '127.0.0.1');
      else fail(new SetupError(`port ${port} cannot be used (${error.code}); choose another with --port`));
    };
    server.on('error', onError);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', onError);
      done(server.address().port);
    });
  });
}

async function answer(request, response, folder, models) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405);
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  if (path === '/models/index.json') return sendJson(request, response, await allModels(folder, models));
  const isElsewhere = models && path.startsWith('/models/') && !(await inside(folder, path));
  if (isElsewhere) return sendFile(request, response, models, path.slice('/models'.length));
  return sendFile(request, response, folder, path.endsWith('/') ? `${path}index.html` : path);
}

/** The page's own models first; a folder of the same name is hidden by them. */
async function allModels(folder, models) {
  const own = await listModels(join(folder, 'models'));
  const others = models ? await listModels(models) : [];
  return [...own, ...others.filter(({ id }) => own.every((model) => model.id !== id))];
}

/**
 * The model folders below `models` with their files, paths relative to the model's folder; none where it is missing.
 * @returns {Promise<{ id: string, files: { path: string, size: number }[] }[]>}
 */
export async function listModels(models) {
  const entries = await readdir(models, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const list = folders.map(async ({ name }) => {
    const files = await readdir(join(models, name), { recursive: true });
    const sized = files.map(async (file) => {
      const info = await stat(join(models, name, file)).catch(() => undefined);
      return info?.isFile() ? [{ path: file.split(sep).join('/'), size: info.size }] : [];
    });
    return { id: name, files: (await Promise.all(sized)).flat().sort((a, b) => (a.path < b.path ? -1 : 1)) };
  });
  return (await Promise.all(list)).sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function sendFile(request, response, root, path) {
  const file = await inside(root, path);
  const info = file && (await stat(file));
  if (!info?.isFile()) return send(response, 404);
  const etag = `"${info.size.toString(16)}-${Math.trunc(info.mtimeMs).toString(16)}"`;
  const type = types[extname(file).toLowerCase()] ?? 'application/octet-stream';
  const common = { ...headers, 'Content-Type': type, ETag: etag, 'Last-Modified': info.mtime.toUTCString() };
  if (request.headers['if-none-match'] === etag) return send(response, 304, common);

  const validator = request.headers['if-range'];
  const range = validator && validator !== etag ? undefined : parseRange(request.headers.range, info.size);
  if (range === 'unsatisfiable') return send(response, 416, { ...common, 'Content-Range': `bytes */${info.size}` });
  const { start, end } = range ?? { start: 0, end: info.size - 1 };
  const contentRange = range && { 'Content-Range': `bytes ${start}-${end}/${info.size}` };
  response.writeHead(range ? 206 : 200, { ...common, ...contentRange, 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || info.size === 0) return response.end();
  return pipeline(createReadStream(file, { start, end }), response);
}

/** Real path of a URL path below `root`; undefined when it does not exist or leads out of `root`. */
async function inside(root, path) {
  if (path.includes('\0') || path.includes('\\')) return undefined;
  const real = await realpath(resolve(root, `.${path}`)).catch(() => undefined);
  const realRoot = await realpath(root).catch(() => undefined);
  return real && realRoot && real.startsWith(realRoot + sep) ? real : undefined;
}

/**
 * A single byte range of a `Range` header. Several ranges, other units and nonsense are ignored, as the standard allows.
 * @returns {{ start: number, end: number } | 'unsatisfiable' | undefined}
 */
export function parseRange(header, size) {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

function sendJson(request, response, value) {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { ...headers, 'Content-Type': types['.json'], 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function send(response, status, extra = headers) {
  response.writeHead(status, { ...extra, ...(status === 405 && { Allow: 'GET, HEAD' }) });
  response.end();
}

/** Bad percent escapes and bad request targets are the client's fault. */
function statusOf(error) {
  return error instanceof URIError || error.code === 'ERR_INVALID_URL' ? 400 : 500;
}
