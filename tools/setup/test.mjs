// `npm test`: sets everything up and runs every tier: the checks, unit, gpu and model on the software adapters, browser.
// A tier that fails does not stop those after it; the last lines printed name what failed (✗) or passed only when it was repeated (~), count each tier and sum up.
// `npm test -- unit gpu` runs those two.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { browsers, cacheFolder, softwareAdapters } from './adapters.mjs';
import { build } from './build.mjs';
import { sharedFolder } from './fixtures.mjs';
import { install } from './install.mjs';
import { repository, run, runAsScript, SetupError, tool } from './process.mjs';
import { provisionAdapter, provisionTests } from './provision.mjs';
import {
  countPlaywright,
  countVitest,
  failuresOfPlaywright,
  failuresOfVitest,
  formatCounts,
  sumCounts,
  unsteadyOfPlaywright,
} from './test-counts.mjs';

const MAX_MINUTES_PER_TIER = 40;
const tierNames = ['check', 'unit', 'gpu', 'model', 'browser'];
const isCi = Boolean(process.env.CI);
const none = { passed: 0, failed: 0, skipped: 0 };
const oneFailure = { ...none, failed: 1 };

await runAsScript(import.meta.url, async (wanted) => {
  const unknown = wanted.filter((name) => !tierNames.includes(name));
  if (unknown.length > 0)
    throw new SetupError(`no such tier: ${unknown.join(', ')}; there are ${tierNames.join(', ')}`);
  const results = await runTiers(wanted.length > 0 ? wanted : tierNames);
  console.log('');
  for (const { name, counts } of results) for (const line of counts.failures ?? []) console.log(`✗ ${name}: ${line}`);
  for (const { name, counts } of results) for (const line of counts.unsteady ?? []) console.log(`~ ${name}: ${line}`);
  for (const { name, counts } of results) console.log(`${name}: ${formatCounts(counts)}`);
  const sum = sumCounts(results.map(({ counts }) => counts));
  if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
  console.log(formatCounts(sum));
});

async function runTiers(wanted) {
  const results = [];
  const tier = async (name, work) => {
    console.log(`\n— ${name}`);
    const startedAt = performance.now();
    const counts = await guarded(name, work);
    results.push({ name: `${name} (${Math.round((performance.now() - startedAt) / 1000)} s)`, counts });
    return counts.failed === 0;
  };

  const isInstalled = await tier('install', () => install(console.log).then(() => none));
  if (!isInstalled) return results;
  await tier('build', () => build(console.log).then(() => none));
  await tier('provision', provision);
  if (isCi) await tier('fixtures', checkFixtures);
  if (wanted.includes('check')) await tier('check', async () => (await import('../checks/check.mjs')).check());
  if (wanted.includes('unit')) await tier('unit', () => vitest('unit'));
  for (const { project, adapter, args } of gpuRuns()) {
    if (!wanted.includes(project)) continue;
    const name = [project, ...(adapter ? [`on ${adapter}`] : []), ...args].join(' ');
    await tier(name, () => vitest(project, adapter, args));
  }
  if (wanted.includes('browser')) {
    if (existsSync(join(repository, 'e2e/playwright.config.ts'))) await tier('browser', playwright);
    else console.log('\n— browser: no tests yet');
  }
  return results;
}

/** A tier that throws counts as one failure. */
async function guarded(name, work) {
  try {
    return await work();
  } catch (error) {
    console.error(error instanceof SetupError ? `${name}: ${error.message}` : error);
    return { ...oneFailure, failures: [error.message] };
  }
}

/** Missing adapters and browsers are failures in CI; elsewhere the tests run on what there is. */
async function provision() {
  const problems = await provisionTests(console.log);
  const hasAdapter = await provisionAdapter(() => {}).then(
    () => true,
    () => false,
  );
  for (const problem of problems) console.warn(`not everything can be tested here: ${problem}`);
  const missing = isCi ? problems.length : 0;
  return { ...none, failed: hasAdapter ? missing : Math.max(missing, 1) };
}

function checkFixtures() {
  if (!existsSync(sharedFolder)) throw new SetupError(`there are no fixtures: set PAGEMIND_FIXTURES`);
  return none;
}

/**
 * Kernels run on both software adapters. lavapipe computes fast and compiles slowly, SwiftShader the other way round: so
 * the many small models of the goldens run on the second, the trained one on the first, and its greedy text on both. What
 * naga accepts is asked once. Where there is one adapter it does all; the system's own steps in for none.
 */
function gpuRuns() {
  const [first, second] = Object.keys(softwareAdapters());
  if (!second) return ['gpu', 'model'].map((project) => ({ project, adapter: first, args: [] }));
  return [
    { project: 'gpu', adapter: first, args: [] },
    { project: 'gpu', adapter: second, args: ['--exclude', '**/naga.gpu.test.ts'] },
    { project: 'model', adapter: first, args: ['--exclude', '**/*goldens.model.test.ts'] },
    { project: 'model', adapter: second, args: ['goldens'] },
    { project: 'model', adapter: second, args: ['tinystories', '--testNamePattern', 'golden prompts'] },
  ];
}

async function vitest(project, adapter, extra = []) {
  const report = reportFile(`${project}${adapter ? `-${adapter}` : ''}`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run(process.execPath, [tool('vitest'), 'run', '--project', project, ...extra, ...reporters], {
    output: 'inherit',
    env: adapter ? { PAGEMIND_ADAPTER: adapter } : {},
    timeoutMs: MAX_MINUTES_PER_TIER * 60_000,
  });
  return judge(code, report, countVitest, failuresOfVitest);
}

async function playwright() {
  const here = Object.keys(browsers());
  if (here.length > 0) console.log(`Chromium on ${here.join(' and on ')}`);
  const report = reportFile('browser');
  const args = [tool('@playwright/test', 'playwright'), 'test', '--config', 'e2e/playwright.config.ts'];
  const { code } = await run(process.execPath, [...args, '--reporter=list,json'], {
    output: 'inherit',
    env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    timeoutMs: MAX_MINUTES_PER_TIER * 60_000,
  });
  return judge(code, report, countPlaywright, failuresOfPlaywright, unsteadyOfPlaywright);
}

function reportFile(name) {
  const folder = join(cacheFolder, 'test-reports');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  rmSync(file, { force: true });
  return file;
}

/** Counts of a report and what failed in it; a runner that failed without a failed test, or that ran no test, is a failure. */
function judge(code, file, count, failuresOf, unsteadyOf = () => []) {
  if (code === 124) throw new SetupError(`stopped after ${MAX_MINUTES_PER_TIER} minutes`);
  if (!existsSync(file)) throw new SetupError('the test runner left no report');
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const counts = { ...count(report), failures: failuresOf(report), unsteady: unsteadyOf(report) };
  if (counts.passed + counts.failed + counts.skipped === 0) throw new SetupError('ran no test');
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
