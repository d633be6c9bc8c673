// Sums of test reports, of the shapes that Vitest and Playwright write.
import { expect, it } from 'vitest';
import {
  countPlaywright,
  countVitest,
  failuresOfPlaywright,
  failuresOfVitest,
  formatCounts,
  sumCounts,
  unsteadyOfPlaywright,
} from './test-counts.mjs';

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

it('names what failed in a Vitest report', () => {
  const failed = { status: 'failed', fullName: 'adds up', failureMessages: ['\u001b[31mError: no\u001b[39m\n  at x'] };
  const testResults = [
    { name: '/a/packages/core/a.test.ts', status: 'failed', assertionResults: [{ status: 'passed' }, failed] },
    { name: '/a/packages/core/b.test.ts', status: 'failed', message: 'SyntaxError: x\ny', assertionResults: [] },
  ];
  expect(failuresOfVitest({ testResults })).toEqual([
    'packages/core/a.test.ts › adds up: Error: no',
    'packages/core/b.test.ts: SyntaxError: x',
  ]);
});

it('names what failed in a Playwright report', () => {
  const tests = [{ projectName: 'lavapipe', results: [{ error: { message: 'gone\nat' } }] }];
  const specs = [
    { ok: false, file: 'a.spec.ts', title: 'opens', tests },
    { ok: true, file: 'a.spec.ts', title: 'closes', tests },
  ];
  expect(failuresOfPlaywright({ suites: [{ suites: [{ specs }] }], errors: [{ message: 'no server' }] })).toEqual([
    'lavapipe › a.spec.ts › opens: gone',
    'no server',
  ]);
});

it('names what passed only when it was repeated', () => {
  const results = [{ error: { message: 'gone\nat' } }, {}];
  const tests = [{ projectName: 'lavapipe', status: 'flaky', results }];
  const specs = [
    { ok: true, file: 'a.spec.ts', title: 'opens', tests },
    {
      ok: true,
      file: 'a.spec.ts',
      title: 'closes',
      tests: [{ projectName: 'lavapipe', status: 'expected', results: [{}] }],
    },
  ];
  expect(unsteadyOfPlaywright({ suites: [{ suites: [{ specs }] }] })).toEqual(['lavapipe › a.spec.ts › opens: gone']);
  expect(failuresOfPlaywright({ suites: [{ specs }] })).toEqual([]);
});

it('sums and says so', () => {
  const one = { passed: 1, failed: 0, skipped: 0 };
  expect(formatCounts(sumCounts([one, one]))).toBe('2 passed, 0 failed');
  expect(formatCounts({ ...one, skipped: 3 })).toBe('1 passed, 0 failed, 3 skipped');
});
