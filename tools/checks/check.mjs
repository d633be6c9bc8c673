// `npm run check`: everything that can be said about the repository without running it: format and lint, types, and the
// laws of the house, each of which has a module of its own here.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, run, runAsScript, tool } from '../setup/process.mjs';
import { checkBudgets } from './budgets.mjs';
import { checkCharters } from './charter.mjs';
import { checkCycles } from './cycles.mjs';
import { checkEnvironment } from './environment.mjs';
import { checkImportLaw } from './import-law.mjs';
import { checkLooseEnds } from './loose-ends.mjs';
import { checkModules } from './modules.mjs';
import { checkPublicNames } from './public-names.mjs';
import { readSources } from './sources.mjs';

const exceptions = JSON.parse(readFileSync(new URL('exceptions.json', import.meta.url), 'utf8'));

/** The laws: sources → complaints. */
const laws = {
  'import law': checkImportLaw,
  'no import cycles': checkCycles,
  'file budgets': (sources) => checkBudgets(sources, exceptions.budgets),
  'opening comments': checkCharters,
  'module shape': checkModules,
  'no page in the library': checkEnvironment,
  'documented public names': checkPublicNames,
  'no loose ends': checkLooseEnds,
};

/** Programs that say themselves what is wrong. */
const programs = {
  'format and lint': [tool('@biomejs/biome', 'biome'), 'check', '--error-on-warnings'],
  types: [tool('typescript', 'tsc'), '--build'],
  'types of tests and tools': [tool('typescript', 'tsc'), '--project', 'tools/checks/tsconfig.json'],
  ...Object.fromEntries(
    ['packages/demo-app', 'e2e']
      .filter((folder) => existsSync(join(repository, folder, 'tsconfig.json')))
      .map((folder) => [`types of ${folder}`, [tool('typescript', 'tsc'), '--noEmit', '--project', folder]]),
  ),
};

/**
 * Runs all checks and prints what each finds.
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>} numbers of checks
 */
export async function check() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const report = (name, isGood, details) => {
    counts[isGood ? 'passed' : 'failed']++;
    console.log(`${isGood ? '✓' : '✗'} ${name}`);
    if (!isGood) console.log(details);
  };
  const sources = readSources();
  for (const [name, law] of Object.entries(laws)) {
    const complaints = law(sources).map(({ path, line, message }) => `  ${path}:${line}: ${message}`);
    report(name, complaints.length === 0, complaints.join('\n'));
  }
  for (const [name, args] of Object.entries(programs)) {
    const { code, output } = await run(process.execPath, args);
    report(name, code === 0, output.trimEnd());
  }
  return counts;
}

await runAsScript(import.meta.url, async () => {
  const { passed, failed } = await check();
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});
