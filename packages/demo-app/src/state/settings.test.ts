// Settings that come back from storage: kept when they fit, mended when they do not.
import { describe, expect, it } from 'vitest';
import { Preferences } from './preferences.js';
import { DEFAULT_SETTINGS, engineOptionsOf, parseSettings, SLIDERS, samplingOf, within } from './settings.js';

describe('stored settings', () => {
  it('come back as they were', () => {
    const settings = {
      ...DEFAULT_SETTINGS,
      generation: { ...DEFAULT_SETTINGS.generation, temperature: 1.25, topK: 7, seed: 42 },
      load: { quantize: 'int4-g64', sessionLen: 2048 },
      systemPrompt: 'Be brief.',
      language: 'zh',
      lastModel: 'a',
    } as const;
    expect(parseSettings(JSON.stringify(settings))).toEqual(settings);
  });

  it.each([null, '', '{', '[]', '3', 'null', '{"generation":5,"load":null}'])('take the defaults for %j', (stored) => {
    expect(parseSettings(stored)).toEqual(DEFAULT_SETTINGS);
  });

  it('are clamped, and what is of the wrong type takes its default', () => {
    const stored = { generation: { temperature: 99, topK: 3.6, minP: 'x', seed: -1 }, load: { quantize: 'int2' } };
    const { generation, load } = parseSettings(JSON.stringify(stored));
    expect(generation).toEqual({ ...DEFAULT_SETTINGS.generation, temperature: 2, topK: 4, seed: 0 });
    expect(load.quantize).toBe('none');
  });

  it('have defaults within their ranges', () => {
    for (const [key, range] of Object.entries(SLIDERS)) {
      const value = DEFAULT_SETTINGS.generation[key as keyof typeof SLIDERS];
      expect(within(range, value), key).toBe(value);
    }
  });
});

describe('what the engine gets', () => {
  it('has a seed only when one is set, and no maximal length', () => {
    expect(samplingOf(DEFAULT_SETTINGS.generation)).not.toHaveProperty('seed');
    expect(samplingOf(DEFAULT_SETTINGS.generation)).not.toHaveProperty('maxTokens');
    expect(samplingOf({ ...DEFAULT_SETTINGS.generation, seed: 5 })).toHaveProperty('seed', 5);
  });

  it('leaves out what is automatic', () => {
    expect(engineOptionsOf({ quantize: 'none', sessionLen: null })).toEqual({});
    expect(engineOptionsOf({ quantize: 'int4-g32', sessionLen: 512 })).toEqual({
      quantize: 'int4-g32',
      sessionLen: 512,
    });
  });
});

describe('preferences', () => {
  function memoryStorage(): Map<string, string> & Pick<Storage, 'getItem' | 'setItem'> {
    const map = new Map<string, string>();
    return Object.assign(map, {
      getItem: (key: string) => map.get(key) ?? null,
      setItem: (key: string, value: string) => void map.set(key, value),
    });
  }

  it('outlive the page', () => {
    const storage = memoryStorage();
    const before = new Preferences(storage);
    before.setGeneration({ temperature: 0 });
    before.set({ language: 'zh' });
    const after = new Preferences(storage).settings.value;
    expect(after.generation.temperature).toBe(0);
    expect(after.language).toBe('zh');
  });

  it('keep language and model when reset', () => {
    const preferences = new Preferences(undefined);
    preferences.set({ language: 'zh', lastModel: 'a', systemPrompt: 'x' });
    preferences.setLoad({ quantize: 'int4-g128' });
    preferences.resetToDefaults();
    expect(preferences.settings.value).toEqual({ ...DEFAULT_SETTINGS, language: 'zh', lastModel: 'a' });
  });

  it('do without a storage that refuses', () => {
    const refusing = {
      getItem: () => null,
      setItem: () => {
        throw new Error('full');
      },
    };
    const preferences = new Preferences(refusing);
    preferences.set({ systemPrompt: 'x' });
    expect(preferences.settings.value.systemPrompt).toBe('x');
  });
});
