// Reads how many tests passed, failed and were skipped out of the JSON reports of Vitest and Playwright. Running them is
// test.mjs's work.

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

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
