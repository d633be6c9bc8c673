// The settings as a signal, kept in the page's storage. Their shape and ranges are settings.ts.
import { effect, type Signal, signal } from '@preact/signals';
import {
  DEFAULT_SETTINGS,
  type GenerationSettings,
  type LoadSettings,
  parseSettings,
  type Settings,
} from './settings.js';

/** What is used of `localStorage`. */
export type SettingsStorage = Pick<Storage, 'getItem' | 'setItem'>;

const STORAGE_KEY = 'pagemind.settings';

export class Preferences {
  readonly settings: Signal<Settings>;

  /** @param storage undefined where the browser refuses it: settings then last as long as the page */
  constructor(storage: SettingsStorage | undefined) {
    this.settings = signal(parseSettings(storage?.getItem(STORAGE_KEY) ?? null));
    effect(() => {
      const text = JSON.stringify(this.settings.value);
      try {
        storage?.setItem(STORAGE_KEY, text);
      } catch {
        // A full or forbidden storage is no reason to stop: the settings still hold for this visit.
      }
    });
  }

  set(change: Partial<Settings>): void {
    this.settings.value = { ...this.settings.peek(), ...change };
  }

  setGeneration(change: Partial<GenerationSettings>): void {
    this.set({ generation: { ...this.settings.peek().generation, ...change } });
  }

  setLoad(change: Partial<LoadSettings>): void {
    this.set({ load: { ...this.settings.peek().load, ...change } });
  }

  /** Language, model and hub stay. */
  resetToDefaults(): void {
    const { generation, load, systemPrompt } = DEFAULT_SETTINGS;
    this.set({ generation, load, systemPrompt });
  }
}
