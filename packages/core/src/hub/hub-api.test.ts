// Lists of hubs, whatever they hold, and which names are taken for models of a hub.
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { PagemindError } from '../errors.js';
import { splitPath } from '../load/source.js';
import { isKey, keyOf } from './cached-file.js';
import { Hub, isHubId } from './hub-api.js';

vi.setConfig({ testTimeout: 60_000 });

it.each([
  ['Qwen/Qwen2.5-0.5B-Instruct', true],
  ['a/b', true],
  ['./a/b', false],
  ['/a/b', false],
  ['a/b/', false],
  ['a/b/c', false],
  ['a', false],
  ['../a', false],
  ['a/..', false],
  ['https://a/b', false],
  ['C:\\a', false],
])('%s is a name: %s', (name, isName) => {
  expect(isHubId(name)).toBe(isName);
});

const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('file', 'blob', '../../x', '/x', 'a/b', 'c'.repeat(40)),
);
const entry = fc.record(
  {
    type: text,
    Type: text,
    path: fc.oneof(text, fc.jsonValue()),
    Path: text,
    size: fc.oneof(fc.nat(), fc.jsonValue()),
    Size: fc.double(),
    oid: fc.oneof(text, fc.stringMatching(/^[0-9a-f]{40}$/)),
    Sha256: fc.oneof(text, fc.stringMatching(/^[0-9a-f]{64}$/)),
    lfs: fc.oneof(fc.jsonValue(), fc.record({ oid: fc.stringMatching(/^[0-9a-f]{64}$/), size: fc.nat() })),
    Revision: text,
  },
  { requiredKeys: [] },
);
const answer = fc.oneof(
  fc.array(fc.oneof(entry, fc.jsonValue()), { maxLength: 5 }),
  fc.array(entry, { maxLength: 5 }).map((Files) => ({ Code: 200, Data: { Files } })),
  fc.record({ sha: text }),
  fc.jsonValue(),
);

it.each(['https://hub.example', 'https://modelscope.example/base/'])(
  'a list of %s gives files of a model, or an error',
  async (endpoint) => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 3 }), async (answers) => {
        const bodies = [...answers, answers.at(-1)];
        const link = { link: '<https://elsewhere.example/api/next>; rel="next"' };
        const asked: string[] = [];
        const fetch = (async (url: string) => {
          asked.push(url);
          return new Response(JSON.stringify(bodies.shift() ?? []), { headers: bodies.length > 0 ? link : {} });
        }) as unknown as typeof globalThis.fetch;
        const listed = await new Hub({ endpoint }, { fetch, maxRetries: 0 })
          .list('a/b', undefined)
          .catch((error: unknown) => error);
        for (const url of asked) expect(url.startsWith(endpoint)).toBe(true);
        if (listed instanceof PagemindError) return;
        for (const file of (listed as Awaited<ReturnType<Hub['list']>>).files) {
          expect([
            splitPath(file.path) !== undefined,
            Number.isSafeInteger(file.size),
            isKey(await keyOf(file)),
          ]).toEqual([true, true, true]);
          expect(file.url.startsWith(endpoint)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  },
);
