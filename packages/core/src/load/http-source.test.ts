// The HTTP source against a local server that behaves, misbehaves and breaks down.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpOptions } from './http-request.js';
import { httpSource } from './http-source.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const body = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
const quick: HttpOptions = { retryDelayMs: 1 };

/** Vitest's own comparison takes seconds for so many bytes. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

/** First and last byte that a request asks for. */
function wanted(request: IncomingMessage, size = body.length): [number, number] {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  return [Number(match?.[1]), Math.min(Number(match?.[2]), size - 1)];
}

/** Answers as a good server would. */
const honest: Handler = (request, response) => {
  const [first, last] = wanted(request);
  response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${body.length}` });
  response.end(body.subarray(first, last + 1));
};

describe('httpSource', () => {
  let handler: Handler = honest;
  let requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    handler(request, response);
  });

  beforeEach(async () => {
    handler = honest;
    requests = [];
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const source = (options = quick) =>
    httpSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/m/`, options);
  const openFile = async (options = quick, path = 'w.bin') => {
    const file = await source(options).open(path);
    if (!file) throw new Error('not found');
    return file;
  };

  it('reads ranges, small ones without a further request', async () => {
    const file = await openFile();
    expect(file.size).toBe(body.length);
    expectBytes(await file.read(10, 100), body.subarray(10, 110));
    expect(requests).toEqual(['GET /m/w.bin bytes=0-65535']);
    expectBytes(await file.read(65_000, 100_000), body.subarray(65_000, 165_000));
    expect(requests[1]).toBe('GET /m/w.bin bytes=65000-164999');
    await expect(file.read(199_999, 2)).rejects.toMatchObject({ code: 'file_malformed' });
  });

  it('sends headers and escapes paths', async () => {
    let authorization: string | undefined;
    handler = (request, response) => {
      authorization = request.headers.authorization;
      honest(request, response);
    };
    await openFile({ ...quick, headers: { Authorization: 'Bearer t' } }, 'a b/c?d#e%2f.bin');
    expect(authorization).toBe('Bearer t');
    expect(requests[0]).toContain('/m/a%20b/c%3Fd%23e%252f.bin');
    expect(await source().open('../secret')).toBeUndefined();
    expect(requests).toHaveLength(1);
  });

  it('gives undefined for files that are not there', async () => {
    handler = (_, response) => response.writeHead(404).end();
    expect(await source().open('x')).toBeUndefined();
    handler = (_, response) => response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end('<html>');
    expect(await source().open('config.json')).toBeUndefined();
  });

  it('opens empty files', async () => {
    handler = (_, response) => response.writeHead(416, { 'Content-Range': 'bytes */0' }).end();
    expect((await openFile()).size).toBe(0);
  });

  it('takes the whole body from a server that ignores Range', async () => {
    handler = (_, response) => response.writeHead(200).end(body);
    const file = await openFile();
    expect(file.size).toBe(body.length);
    expectBytes(await file.read(100_000, 50_000), body.subarray(100_000, 150_000));
    expect(requests).toHaveLength(1);
  });

  it('skips to the range when the server ignores Range later', async () => {
    const file = await openFile();
    handler = (_, response) => response.writeHead(200).end(body);
    expectBytes(await file.read(100_000, 50_000), body.subarray(100_000, 150_000));
  });

  it('asks HEAD for the size when Content-Range is hidden', async () => {
    handler = (request, response) => {
      if (request.method === 'HEAD') return response.writeHead(200, { 'Content-Length': body.length }).end();
      const [first, last] = wanted(request);
      return response.writeHead(206).end(body.subarray(first, last + 1));
    };
    const file = await openFile();
    expect(file.size).toBe(body.length);
    expectBytes(await file.read(90_000, 50_000), body.subarray(90_000, 140_000));
    handler = (_, response) => response.writeHead(206).end();
    await expect(openFile()).rejects.toMatchObject({ code: 'source_unreachable' });
  });

  it('tries again after 503 and 429', async () => {
    const statuses = [503, 429, 500];
    handler = (request, response) => {
      const status = statuses.shift();
      if (status) response.writeHead(status, { 'Retry-After': '0' }).end();
      else honest(request, response);
    };
    expect((await openFile()).size).toBe(body.length);
    expect(requests).toHaveLength(4);
  });

  it('gives up after the retries it was allowed', async () => {
    handler = (_, response) => response.writeHead(503).end();
    const error = await openFile({ ...quick, maxRetries: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'source_unreachable', hint: expect.any(String) });
    expect((error as Error).message).toMatch(/w\.bin could not be downloaded in 3 attempts/);
    expect(requests).toHaveLength(3);
  });

  it('does not insist when refused', async () => {
    handler = (_, response) => response.writeHead(401).end();
    await expect(openFile()).rejects.toMatchObject({ code: 'source_unreachable', message: /status 401/ });
    expect(requests).toHaveLength(1);
  });

  it('goes on where a dropped connection ended', async () => {
    const file = await openFile();
    handler = (request, response) => {
      const [first, last] = wanted(request);
      response.writeHead(206, {
        'Content-Range': `bytes ${first}-${last}/${body.length}`,
        'Content-Length': last + 1 - first,
      });
      response.write(body.subarray(first, first + 50_000), () => setTimeout(() => response.destroy(), 20));
    };
    // Each attempt brings some of it; three of them bring all.
    expectBytes(await file.read(70_000, 120_000), body.subarray(70_000, 190_000));
    expect(requests.slice(1).map((line) => line.split('=')[1])).toEqual(
      expect.arrayContaining(['70000-189999', '120000-189999', '170000-189999']),
    );
  });

  it('goes on where a short answer ended', async () => {
    const file = await openFile();
    handler = (request, response) => {
      const [first] = wanted(request);
      const last = Math.min(first + 69_999, 199_999);
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${body.length}` });
      response.end(body.subarray(first, last + 1));
    };
    expectBytes(await file.read(1, 199_999), body.subarray(1));
    expect(requests).toHaveLength(4);
  });

  it('leaves a connection that stalls', async () => {
    let isFirst = true;
    handler = (request, response) => {
      if (!isFirst) return honest(request, response);
      isFirst = false;
      return undefined;
    };
    expect((await openFile({ ...quick, stallTimeoutMs: 100 })).size).toBe(body.length);
    expect(requests.length).toBeGreaterThan(1);
  });

  it.each<[string, Handler]>([
    ['shrank', (_, response) => response.writeHead(416, { 'Content-Range': 'bytes */10' }).end()],
    ['vanished', (_, response) => response.writeHead(404).end()],
    [
      'has another size',
      (request, response) => {
        const [first, last] = wanted(request);
        response
          .writeHead(206, { 'Content-Range': `bytes ${first}-${last}/300000` })
          .end(body.subarray(first, last + 1));
      },
    ],
    ['comes from another place', (_, r) => r.writeHead(206, { 'Content-Range': 'bytes 0-9/200000' }).end(body)],
  ])('refuses a file that %s while it is read', async (_, misbehave) => {
    const file = await openFile();
    handler = misbehave;
    const reading = file.read(70_000, 1000);
    await expect(reading).rejects.toMatchObject({ code: 'source_unreachable', message: /changed on the server/ });
  });

  it('stops at once when aborted, also between attempts', async () => {
    const file = await openFile({ retryDelayMs: 100_000 });
    const controller = new AbortController();
    handler = (_, response) => response.writeHead(503).end();
    const reading = file.read(70_000, 1000, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await expect(reading).rejects.toMatchObject({ code: 'aborted' });

    handler = () => undefined;
    const stuck = file.read(70_000, 1000, AbortSignal.timeout(50));
    await expect(stuck).rejects.toMatchObject({ code: 'aborted' });
  });

  it('reports a server that is not there', async () => {
    const options = { ...quick, maxRetries: 1 };
    const opening = httpSource('http://127.0.0.1:1/', options).open('config.json');
    await expect(opening).rejects.toMatchObject({ code: 'source_unreachable' });
  });
});
