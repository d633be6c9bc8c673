// The languages of the page, and which one to take.
import type { LanguageChoice } from '../state/settings.js';
import type { Dictionary } from './dictionary.js';
import { en } from './en.js';
import { zh } from './zh.js';

export type Language = Exclude<LanguageChoice, 'auto'>;

const DICTIONARIES: Readonly<Record<Language, Dictionary>> = { en, zh };

export function dictionaryOf(language: Language): Dictionary {
  return DICTIONARIES[language];
}

/** @param preferred the browser's languages, best first, e.g. `zh-CN` */
export function resolveLanguage(choice: LanguageChoice, preferred: readonly string[]): Language {
  if (choice !== 'auto') return choice;
  for (const tag of preferred) {
    const language = tag.toLowerCase().split('-')[0];
    if (language === 'en' || language === 'zh') return language;
  }
  return 'en';
}
