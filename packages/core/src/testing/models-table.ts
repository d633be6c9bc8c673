// The table of docs/models.md: families as the registries list them, and the golden checkpoints that prove them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type FamilyEntry, listFamilies } from '../models/catalog.js';
import { findVlmFamily } from '../models/model.js';
import { resolveFamily } from '../models/registry.js';
import { fixturesPath } from './fixtures.js';

/** Where the table begins and ends in the document. */
const [BEGIN, END] = ['<!-- table of models: begin -->', '<!-- table of models: end -->'];

/** Tests that compare the logits and greedy ids of every golden they name. */
const TESTS = ['testing/goldens.ts', 'goldens.model.test.ts', 'vlm-goldens.model.test.ts'];

/** The document with its table made anew. */
export function withModelsTable(document: string): string {
  const [before, after] = [document.split(BEGIN)[0], document.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error('the document has no place for the table');
  return `${before}${BEGIN}\n${modelsTable()}\n${END}${after}`;
}

/** The test that rewrites goldens for the layouts of authors: each line of its table has a golden, and then a family. */
const LAYOUTS_TEST = 'layout-goldens.model.test.ts';
const LAYOUTS_LINE = /^ +\['([\w-]+)', \w+, '(\w+)', /gm;

function modelsTable(): string {
  const goldens = testedGoldens();
  const line = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(
      'family',
      'architectures',
      'goldens',
      'smallest good checkpoint',
      'weights at INT4',
      'K and V of 1,000 tokens',
    ),
    '|---|---|---|---|---|---|',
    ...listFamilies().map(({ family, architectures, example }: FamilyEntry) =>
      line(
        `\`${family}\``,
        architectures.join(', '),
        goldens.get(family)?.join(', ') ?? '–',
        example?.model ?? '–',
        example ? megabytes(example.weightBytes) : '–',
        example ? megabytes(1000 * example.kvBytesPerToken) : '–',
      ),
    ),
  ].join('\n');
}

/** The goldens that tests name, but for those that only differ in how they are quantised, by family. */
function testedGoldens(): ReadonlyMap<string, readonly string[]> {
  const read = (test: string): string => readFileSync(new URL(`../${test}`, import.meta.url), 'utf8');
  const text = TESTS.map(read).join('\n');
  const found = new Map<string, string[]>();
  const add = (family: string, golden: string): void => void found.set(family, [...(found.get(family) ?? []), golden]);
  for (const name of readdirSync(fixturesPath('goldens')).sort()) {
    const path = fixturesPath(`goldens/${name}/config.json`);
    if (!new RegExp(`^ +'?${name}'?(,|: )`, 'm').test(text) || !existsSync(path)) continue;
    const config = JSON.parse(readFileSync(path, 'utf8'));
    if (config.quantization_config ?? config.quantization) continue;
    const { modelType } = findVlmFamily(config) ?? resolveFamily(config).family;
    add(modelType, name);
  }
  for (const [, golden = '', family = ''] of read(LAYOUTS_TEST).matchAll(LAYOUTS_LINE)) add(family, golden);
  return found;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
