// `pagemind encode`: texts to token ids and back, for comparing tokenizers. No model is loaded and no GPU is needed.
import { loadTokenizer } from '@pagemind/core/node';
import { HUB_OPTIONS, hubOptions, readArguments, readTextFile } from '../arguments.js';
import { UsageError } from '../usage.js';

const OPTIONS = { ...HUB_OPTIONS, 'add-special-tokens': { type: 'boolean' }, json: { type: 'boolean' } } as const;

export async function encode(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(
    args,
    OPTIONS,
    2,
    'Name a model and a text, or @FILE with a JSON list.',
  );
  const [folder = '', given = ''] = positionals;
  const texts = await readTexts(given);
  const tokenizer = await loadTokenizer(folder, undefined, hubOptions(values));
  const ids = texts.map((text) => tokenizer.encode(text, { addSpecialTokens: values['add-special-tokens'] === true }));
  const decoded = ids.map((list) => tokenizer.decode(list));
  const lines = ids.map((list) => list.join(' ')).join('\n');
  process.stdout.write(`${values['json'] === true ? JSON.stringify({ ids, decoded }) : lines}\n`);
}

/** The text itself, or the list of `@texts.json`. */
async function readTexts(given: string): Promise<readonly string[]> {
  if (!given.startsWith('@')) return [given];
  let texts: unknown;
  try {
    texts = JSON.parse(await readTextFile(given.slice(1)));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    texts = undefined;
  }
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) return texts;
  throw new UsageError(`${given.slice(1)} must hold a JSON list of texts.`);
}
