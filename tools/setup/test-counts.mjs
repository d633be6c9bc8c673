// Reads how many tests passed, failed and were skipped out of the JSON reports of Vitest and Playwright. Running them is
// test.mjs's work.
import { stripVTControlCharacters } from 'node:util';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const MAX_MESSAGE = 300;

/** @returns {Counts} of a report of Vitest's json reporter; a file that broke before its first test is one failure. */
export function countVitest(report) {
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
}

/** @returns {Counts} of a report of Playwright's json reporter; errors outside tests are failures. */
export function countPlaywright({ stats, errors = [] }) {
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected + errors.length,
    skipped: stats.skipped,
  };
}

/** @returns {string[]} a line for each failed test of a Vitest report: its file, its name, the first line of the reason. */
export function failuresOfVitest(report) {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.replace(/^.*\/(?=(packages|tools|e2e)\/)/, '');
    if (status === 'failed' && assertionResults.length === 0) return [`${file}: ${firstLine(message)}`];
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => `${file} › ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
  });
}

/** @returns {string[]} the same of a Playwright report. */
export function failuresOfPlaywright({ suites = [], errors = [] }) {
  const failed = testsOf(suites).filter(({ spec }) => !spec.ok);
  return [
    ...failed.map(({ spec, test }) => lineOf(spec, test, -1)),
    ...errors.map(({ message }) => firstLine(message)),
  ];
}

/** @returns {string[]} a line for each test of a Playwright report that passed when it was repeated, with why it failed first. */
export function unsteadyOfPlaywright({ suites = [] }) {
  const unsteady = testsOf(suites).filter(({ test }) => test.status === 'flaky');
  return unsteady.map(({ spec, test }) => lineOf(spec, test, 0));
}

function testsOf(suites) {
  return suites.flatMap(({ specs = [], suites: inner = [] }) => [
    ...specs.flatMap((spec) => spec.tests.map((test) => ({ spec, test }))),
    ...testsOf(inner),
  ]);
}

function lineOf(spec, { projectName, results }, attempt) {
  return `${projectName} › ${spec.file} › ${spec.title}: ${firstLine(results.at(attempt)?.error?.message)}`;
}

function firstLine(message = '') {
  return stripVTControlCharacters(message).split('\n', 1)[0].slice(0, MAX_MESSAGE);
}

/** @returns {Counts} the sum. */
export function sumCounts(all) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of all) for (const key of Object.keys(sum)) sum[key] += counts[key];
  return sum;
}

/** `3 passed, 0 failed, 1 skipped`; skipped ones are mentioned only where there are some. */
export function formatCounts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
