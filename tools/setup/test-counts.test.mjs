// Sums of test reports, of the shapes that Vitest and Playwright write.
import { expect, it } from 'vitest';
import { countPlaywright, countVitest, formatCounts, sumCounts } from './test-counts.mjs';

it('counts a Vitest report, with files that broke before their first test', () => {
  const testResults = [
    { status: 'passed', assertionResults: [{}] },
    { status: 'failed', assertionResults: [] },
    { status: 'failed', assertionResults: [{}] },
  ];
  const report = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 0, testResults };
  expect(countVitest(report)).toEqual({ passed: 5, failed: 2, skipped: 2 });
});

it('counts a Playwright report, with errors outside tests', () => {
  const stats = { expected: 3, unexpected: 1, flaky: 1, skipped: 4 };
  expect(countPlaywright({ stats, errors: [{}] })).toEqual({ passed: 4, failed: 2, skipped: 4 });
});

it('sums and says so', () => {
  const one = { passed: 1, failed: 0, skipped: 0 };
  expect(formatCounts(sumCounts([one, one]))).toBe('2 passed, 0 failed');
  expect(formatCounts({ ...one, skipped: 3 })).toBe('1 passed, 0 failed, 3 skipped');
});
