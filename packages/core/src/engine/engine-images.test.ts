// Images in prompts: every row reaches its token, whatever the chunks, the batch and preemption; and what is refused.
import { describe, expect, it } from 'vitest';
import { collect, create, drain, expectAtRest, request, settle, tokenizer } from '../testing/engine-harness.js';
import { IMAGE, reader, seen } from '../testing/fake-images.js';
import { answerOf, nextToken } from '../testing/fake-runner.js';
import type { Prompt } from './core.js';
import type { ImageReader } from './images.js';

const IMAGES = { images: reader };
const LIMITS = { maxImageRows: 24 };

const tokens = (ids: readonly number[], images: readonly string[]): Prompt => ({ kind: 'tokens', ids, images });
const rows = (count: number): number[] => new Array<number>(count).fill(IMAGE);

describe('prompts with images', () => {
  it.each([16, 5, 3, 1])('reach the model row by row, in steps of %i tokens', async (maxPrefillTokenNum) => {
    const { engine, runner } = create({ ...LIMITS, maxPrefillTokenNum, maxBatchSize: 1 }, IMAGES);
    const ids = [3, ...rows(6), 8, ...rows(7), ...rows(2), 9];
    const images = ['cat:6', 'dog:7', 'cow:2'];
    const outcome = collect(engine.generate(request([], { prompt: tokens(ids, images) })));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf(seen(ids, images), 10));
    await expectAtRest(engine, runner);
  });

  it('may stand apart within one image', async () => {
    const { engine, runner } = create(LIMITS, IMAGES);
    const ids = [3, ...rows(2), 8, ...rows(3), 9];
    const outcome = collect(engine.generate(request([], { prompt: tokens(ids, ['cat:5']) })));
    await drain(runner);
    expect((await outcome).ids).toEqual(answerOf(seen(ids, ['cat:5']), 10));
  });

  it('run beside text, and again after a preemption', async () => {
    const { engine, runner } = create({ ...LIMITS, numBlocks: 10, maxBatchSize: 3 }, IMAGES);
    const ids = [...rows(9), 4];
    const outcomes = [
      collect(engine.generate(request([5], { maxNewTokens: 24 }))),
      collect(engine.generate(request([], { prompt: tokens(ids, ['cat:9']), maxNewTokens: 20 }))),
    ];
    await drain(runner);
    expect((await outcomes[0])?.ids).toEqual(answerOf([5], 24));
    expect((await outcomes[1])?.ids).toEqual(answerOf(seen(ids, ['cat:9']), 20));
    expect(runner.begins.length).toBeGreaterThan(2);
    await expectAtRest(engine, runner);
  });

  it('give logits too', async () => {
    const { engine, runner } = create(LIMITS, IMAGES);
    const ids = [3, ...rows(6), 8];
    const logits = engine.logits(ids, { images: ['cat:6'], decodeFrom: 4 });
    await drain(runner);
    const columns = ids.map((_, row) => logits.then((all) => all.subarray(row * 97, (row + 1) * 97).indexOf(1)));
    const wanted = seen(ids, ['cat:6']);
    expect(await Promise.all(columns)).toEqual(ids.map((_, row) => nextToken(wanted.slice(0, row + 1))));
  });

  it('have a marker in their text for every image, which becomes its rows', async () => {
    const { engine, runner } = create(LIMITS, IMAGES);
    const markers = tokenizer.decode([IMAGE]);
    const prompt: Prompt = {
      kind: 'text',
      text: `b${markers}c${markers}`,
      addSpecialTokens: false,
      images: ['cat:3', 'dog:2'],
    };
    const outcome = collect(engine.generate(request([], { prompt })));
    await drain(runner);
    expect((await outcome).code).toBeUndefined();
    const [share] = runner.plans[0]?.sequences ?? [];
    expect(share?.images.map(({ firstToken, numRows }) => [firstToken, numRows])).toEqual([
      [1, 3],
      [5, 2],
    ]);
  });
});

describe('prompts that were seen before', () => {
  const ids = [3, ...rows(6), 8, ...rows(7), 9, 10];
  const runs: [string, readonly string[], number][] = [
    ['the same pictures', ['cat:6', 'dog:7'], 16],
    ['another second picture', ['cat:6', 'cow:7'], 8],
    ['another first picture', ['cow:6', 'dog:7'], 0],
    ['the pictures swapped', ['dog:6', 'cat:7'], 0],
    ['the same rows, of one picture', ['cat:13'], 8],
  ];
  it.each(runs)('share what shows %s', async (_what, images, numCached) => {
    const { engine, runner } = create({ ...LIMITS, maxPrefillTokenNum: 32 }, IMAGES);
    for (const [each, cachedTokens] of [
      [['cat:6', 'dog:7'], 0],
      [images, numCached],
    ] as const) {
      const outcome = collect(engine.generate(request([], { prompt: tokens(ids, each) })));
      await drain(runner);
      expect(await outcome).toMatchObject({ ids: answerOf(seen(ids, each), 10), end: { usage: { cachedTokens } } });
    }
    await expectAtRest(engine, runner);
  });

  it('do not send what was found to the tower', async () => {
    const { engine, runner } = create(LIMITS, IMAGES);
    for (let turn = 0; turn < 2; turn++) {
      const outcome = collect(engine.generate(request([], { prompt: tokens([...ids, 11], ['cat:6', 'dog:7']) })));
      await drain(runner);
      await outcome;
    }
    const again = runner.plans.findLast(({ sequences }) => sequences.some(({ firstBlock }) => firstBlock === 0));
    expect(again?.sequences).toMatchObject([{ startPosition: 16, images: [] }]);
  });
});

describe('what is refused', () => {
  it.each([
    ['fewer image tokens than rows', tokens([1, ...rows(2)], ['cat:3']), 'invalid_request'],
    ['more image tokens than rows', tokens([1, ...rows(4)], ['cat:3']), 'invalid_request'],
    ['an image with more rows than the cache', tokens(rows(25), ['cat:25']), 'image_too_large'],
    ['an image that cannot be read', tokens([1, ...rows(2)], ['bad:2']), 'invalid_image'],
    [
      'a text without the marker',
      { kind: 'text', text: 'b', addSpecialTokens: false, images: ['cat:2'] } as Prompt,
      'invalid_request',
    ],
  ])('%s', async (_what, prompt, code) => {
    const { engine, runner } = create(LIMITS, IMAGES);
    expect((await collect(engine.generate(request([], { prompt })))).code).toBe(code);
    await expectAtRest(engine, runner);
  });

  it('any image by a model without a tower', async () => {
    const { engine } = create();
    expect((await collect(engine.generate(request([], { prompt: tokens([1], ['cat:1']) })))).code).toBe(
      'invalid_request',
    );
    await expect(engine.logits([1], { images: ['cat:1'] })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('a request that ends while its images are read', () => {
  it.each(['left', 'aborted', 'disposed'])('because it was %s starts nothing', async (how) => {
    let finish = (): void => {};
    let signal: AbortSignal | undefined;
    const slow: ImageReader = {
      imageTokenId: IMAGE,
      processor: 'fake',
      read: async (image, numImages, given) => {
        signal = given;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return reader.read(image, numImages, given);
      },
    };
    const { engine, runner } = create(LIMITS, { images: slow });
    const controller = new AbortController();
    const stream = engine.generate(request([], { prompt: tokens(rows(2), ['cat:2']) }), controller.signal);
    await settle();
    if (how === 'left') await stream[Symbol.asyncIterator]().return?.();
    if (how === 'aborted') controller.abort();
    if (how === 'disposed') await engine.dispose();
    finish();
    const { code } = await collect(stream);
    expect(code).toBe(how === 'left' ? undefined : how);
    expect(signal?.aborted).toBe(how !== 'disposed');
    expect(runner.plans).toEqual([]);
  });
});
