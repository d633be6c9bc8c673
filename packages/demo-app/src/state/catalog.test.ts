// The list of models, which a server made and the page does not trust.
import { describe, expect, it } from 'vitest';
import { fetchCatalog, filesChoice, hostedChoice, parseCatalog } from './catalog.js';

describe('the list of models', () => {
  it('counts the weights of each', () => {
    const files = [
      { path: 'config.json', size: 10 },
      { path: 'a.safetensors', size: 1000 },
      { path: 'b.safetensors', size: 500 },
    ];
    expect(parseCatalog([{ id: 'm', files }])).toEqual([{ id: 'm', numBytes: 1500 }]);
    const published = [
      { path: 'params.json', size: 10 },
      { path: 'consolidated.00.pth', size: 300 },
    ];
    expect(parseCatalog([{ id: 'p', files: published }])).toEqual([{ id: 'p', numBytes: 300 }]);
  });

  it.each([
    null,
    {},
    'x',
    [null],
    [{ id: 3, files: [] }],
    [{ id: 'm' }],
    [{ id: 'm', files: [{ path: 'readme.md', size: 1 }, null] }],
  ])('leaves out what is no model: %j', (list) => {
    expect(parseCatalog(list)).toEqual([]);
  });

  it('is empty where the server has none', async () => {
    const refuse = (): Promise<unknown> => Promise.reject(new Error('404'));
    expect(await fetchCatalog('https://example.org/demo/', refuse)).toEqual([]);
  });

  it('lies beside the page, as the models do', async () => {
    const asked: string[] = [];
    await fetchCatalog('https://example.org/demo/', async (url) => asked.push(url.href));
    expect(asked).toEqual(['https://example.org/demo/models/index.json']);
    expect(hostedChoice({ id: 'a b', numBytes: 0 }, 'https://example.org/demo/').model).toBe(
      'https://example.org/demo/models/a%20b/',
    );
  });
});

describe('a folder of one’s own', () => {
  it('is called by its name', () => {
    const file = new File([], 'config.json');
    Object.defineProperty(file, 'webkitRelativePath', { value: 'my-model/config.json' });
    expect(filesChoice([file])).toMatchObject({ hostedId: null, name: 'my-model' });
  });
});
