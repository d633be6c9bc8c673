// What is known about models that were quantised here: kept, brought back, deleted.
import { PagemindError } from '@pagemind/core/client';
import { describe, expect, it } from 'vitest';
import { FakeOwnShelf } from '../testing/fake-own-shelf.js';
import { choiceOf, type OwnModel, OwnModels, originalOf, parseOwnModel } from './own-models.js';
import { DEFAULT_RECIPE } from './recipe.js';

const FINISHED: OwnModel = {
  id: 'tiny-awq',
  original: { hostedId: 'tiny', name: 'tiny', model: 'https://example.org/models/tiny/' },
  recipe: DEFAULT_RECIPE,
  text: null,
  layer: 2,
  numLayers: 2,
  before: { perplexity: 31.1, weightBytes: 2e6 },
  after: { perplexity: 33.1, weightBytes: 1e6 },
};
const { before: _, after: __, ...UNTOUCHED } = FINISHED;
const BEGUN: OwnModel = { ...UNTOUCHED, id: 'other', text: 'Once.', layer: 1 };

describe('models that were quantised here', () => {
  it('are noted, listed by name and found again', async () => {
    const shelf = new FakeOwnShelf();
    const models = new OwnModels(shelf);
    await models.note(FINISHED);
    await models.note({ ...BEGUN, layer: 0 });
    await models.note(BEGUN);
    expect(models.models.value).toEqual([BEGUN, FINISHED]);
    const later = new OwnModels(shelf);
    await later.refresh();
    expect(later.models.value).toEqual([BEGUN, FINISHED]);
  });

  it('are chosen by their files, and deleted with them', async () => {
    const shelf = new FakeOwnShelf();
    const models = new OwnModels(shelf);
    await models.note(FINISHED);
    await expect(models.choose(FINISHED)).rejects.toThrow('no such folder');
    shelf.folders.add(FINISHED.id);
    const { hostedId, model } = await models.choose(FINISHED);
    expect([hostedId, (model as FileSystemDirectoryHandle).name]).toEqual([FINISHED.id, FINISHED.id]);
    shelf.isLocked = true;
    await models.delete(FINISHED.id);
    expect([models.models.value, shelf.folders.size, shelf.kept.size]).toEqual([[FINISHED], 1, 1]);
    shelf.isLocked = false;
    await models.delete(FINISHED.id);
    expect([models.models.value.length, shelf.folders.size, shelf.kept.size]).toEqual([0, 0, 0]);
  });

  it('are none where the browser keeps nothing', async () => {
    const shelf = new FakeOwnShelf();
    shelf.refuses = true;
    shelf.list = () => Promise.reject(new PagemindError('storage_unavailable', 'This is a private window.'));
    const models = new OwnModels(shelf);
    await models.refresh();
    expect(models.models.value).toEqual([]);
    await models.note(BEGUN);
    expect(models.models.value).toEqual([BEGUN]);
  });

  it('are read with care', () => {
    expect(parseOwnModel(structuredClone(FINISHED))).toEqual(FINISHED);
    expect(parseOwnModel({ ...FINISHED, recipe: {} })).toBeUndefined();
    expect(parseOwnModel({ ...FINISHED, original: 7 })).toBeUndefined();
    expect(parseOwnModel(null)).toBeUndefined();
    const damaged = parseOwnModel({ ...FINISHED, layer: -1, text: 3, after: { perplexity: 'low', weightBytes: 1 } });
    expect(damaged).toMatchObject({ layer: 0, text: null });
    expect(damaged).not.toHaveProperty('after');
  });
});

describe('the original', () => {
  it('is found again by its address, but not among the files of a person', () => {
    const hosted = { hostedId: 'a/b', name: 'b', model: 'a/b', endpoint: 'https://hub.example' };
    expect(choiceOf(originalOf(hosted))).toEqual(hosted);
    const files = originalOf({ hostedId: null, name: 'own', model: [] });
    expect(files).toEqual({ hostedId: null, name: 'own', model: null });
    expect(choiceOf(files)).toBeUndefined();
  });
});
