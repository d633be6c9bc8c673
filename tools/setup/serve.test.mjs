// The static server over real sockets: types, isolation headers, ranges, the model listing, and what must stay outside.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRange, serve } from './serve.mjs';

let root;
let server;
const get = (path, headers = {}, method = 'GET') => fetch(`${server.url}${path}`, { headers, method });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'pagemind-serve-'));
  mkdirSync(join(root, 'dist/assets'), { recursive: true });
  mkdirSync(join(root, 'models/tiny/sub'), { recursive: true });
  mkdirSync(join(root, 'dist/models/own'), { recursive: true });
  mkdirSync(join(root, 'models/own'), { recursive: true });
  writeFileSync(join(root, 'dist/index.html'), '<p>demo');
  writeFileSync(join(root, 'dist/assets/app.js'), 'export {};');
  writeFileSync(join(root, 'dist/models/own/config.json'), '{"own":1}');
  writeFileSync(join(root, 'models/own/config.json'), '{}');
  writeFileSync(join(root, 'models/tiny/config.json'), '{}');
  writeFileSync(join(root, 'models/tiny/sub/w.safetensors'), '0123456789');
  writeFileSync(join(root, 'models/tiny/empty.txt'), '');
  writeFileSync(join(root, 'secret.txt'), 'secret');
  symlinkSync(join(root, 'secret.txt'), join(root, 'dist/link.txt'));
  server = await serve({ folder: join(root, 'dist'), models: join(root, 'models'), port: 0 });
});

afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

describe('files', () => {
  it('come with their type and isolated', async () => {
    const page = await get('/');
    expect([page.status, await page.text()]).toEqual([200, '<p>demo']);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect((await get('/assets/app.js')).headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  });

  it('answer HEAD, and nothing that writes', async () => {
    const head = await get('/models/tiny/sub/w.safetensors', {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
    expect((await get('/', {}, 'POST')).status).toBe(405);
  });

  it('are revalidated by their ETag', async () => {
    const etag = (await get('/')).headers.get('etag');
    expect((await get('/', { 'If-None-Match': etag })).status).toBe(304);
  });

  it('outside the folders do not exist', async () => {
    for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/models/..%2f..%2fsecret.txt']) {
      expect(await rawStatus(path), path).toBe(404);
    }
    expect(await rawStatus('/link.txt')).toBe(404);
    expect(await rawStatus('/%00')).toBe(404);
    expect(await rawStatus('/%')).toBe(400);
    expect(await rawStatus('/assets')).toBe(404);
  });
});

describe('models', () => {
  it("are listed with sizes, the page's own first", async () => {
    expect(await (await get('/models/index.json')).json()).toEqual([
      { id: 'own', files: [{ path: 'config.json', size: 9 }] },
      {
        id: 'tiny',
        files: [
          { path: 'config.json', size: 2 },
          { path: 'empty.txt', size: 0 },
          { path: 'sub/w.safetensors', size: 10 },
        ],
      },
    ]);
  });

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
  ])('answer the range %s', async (range, status, body, contentRange) => {
    const response = await get('/models/tiny/sub/w.safetensors', { Range: range });
    expect([response.status, await response.text(), response.headers.get('content-range')]).toEqual([
      status,
      body,
      contentRange,
    ]);
    expect(response.headers.get('accept-ranges')).toBe('bytes');
  });

  it('give the whole file when it has changed since', async () => {
    const response = await get('/models/tiny/sub/w.safetensors', { Range: 'bytes=2-4', 'If-Range': '"old"' });
    expect([response.status, await response.text()]).toEqual([200, '0123456789']);
  });

  it('may be empty files', async () => {
    expect([(await get('/models/tiny/empty.txt')).status, parseRange('bytes=0-', 0)]).toEqual([200, 'unsatisfiable']);
  });

  it("come from the page's folder where it has them", async () => {
    expect(await (await get('/models/own/config.json')).json()).toEqual({ own: 1 });
  });

  it("are the page's own where there is no other folder", async () => {
    const bare = await serve({ folder: join(root, 'dist'), port: 0 });
    expect(await (await fetch(`${bare.url}/models/index.json`)).json()).toHaveLength(1);
    expect((await fetch(`${bare.url}/models/tiny/config.json`)).status).toBe(404);
    await bare.close();
    const empty = await serve({ folder: join(root, 'models'), port: 0 });
    expect(await (await fetch(`${empty.url}/models/index.json`)).json()).toEqual([]);
    await empty.close();
  });
});

describe('ports', () => {
  it('give way to the next free one, unless exact', async () => {
    const taken = createServer();
    await new Promise((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address();
    const next = await serve({ folder: join(root, 'dist'), port });
    expect(next.url).not.toContain(`:${port}`);
    await next.close();
    await expect(serve({ folder: join(root, 'dist'), port, exact: true })).rejects.toThrow(
      `port ${port} cannot be used`,
    );
    taken.close();
  });
});

/** Status of a path sent as it stands; `fetch` would clean it up. */
function rawStatus(path) {
  const { port } = new URL(server.url);
  return new Promise((done, fail) => {
    request({ host: '127.0.0.1', port, path }, (response) => {
      response.resume();
      done(response.statusCode);
    })
      .on('error', fail)
      .end();
  });
}
