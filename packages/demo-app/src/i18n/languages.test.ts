// The dictionaries say the same things, and the right one is taken.
import { describe, expect, it } from 'vitest';
import { en } from './en.js';
import { dictionaryOf, resolveLanguage } from './languages.js';
import { zh } from './zh.js';

/** Every path to a word with what stands there; functions are called. */
function words(value: unknown, path = ''): [path: string, word: string][] {
  if (typeof value === 'function') return [[path, String(value('1', '2'))]];
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, part]) => words(part, `${path}.${key}`));
  }
  return [[path, String(value)]];
}

describe('dictionaries', () => {
  it('have the same keys', () => {
    const keys = (dictionary: unknown): string[] => words(dictionary).map(([path]) => path);
    expect(keys(zh).sort()).toEqual(keys(en).sort());
  });

  it.each([
    ['en', en],
    ['zh', zh],
  ])('%s has no empty words', (_, dictionary) => {
    expect(words(dictionary).filter(([, word]) => word.trim() === '')).toEqual([]);
  });

  it('are found by language', () => {
    expect(dictionaryOf('zh')).toBe(zh);
  });
});

describe('the language', () => {
  it.each([
    ['auto', ['zh-CN', 'en'], 'zh'],
    ['auto', ['en-US', 'zh'], 'en'],
    ['auto', ['de-DE', 'zh-TW'], 'zh'],
    ['auto', ['de-DE'], 'en'],
    ['auto', [], 'en'],
    ['en', ['zh-CN'], 'en'],
  ] as const)('is, for %s and %j, %s', (choice, preferred, expected) => {
    expect(resolveLanguage(choice, preferred)).toBe(expected);
  });
});
