// How long a file may be. A longer one is split, or stands in exceptions.json with the reason why it must not be.

const budgets = [
  { pattern: /\.(ts|tsx|mjs|svelte|py|c)$/, maxLines: 400 },
  { pattern: /\.wgsl$/, maxLines: 200 },
];

/**
 * @param {import('./sources.mjs').Source[]} sources
 * @param {Record<string, string>} exceptions reasons by path
 * @returns {import('./sources.mjs').Complaint[]}
 */
export function checkBudgets(sources, exceptions) {
  const long = sources.flatMap(({ path, text }) => {
    const budget = budgets.find(({ pattern }) => pattern.test(path));
    const numLines = text.replace(/\n$/, '').split('\n').length;
    return budget && numLines > budget.maxLines ? [{ path, numLines, maxLines: budget.maxLines }] : [];
  });
  const over = long
    .filter(({ path }) => !exceptions[path])
    .map(({ path, numLines, maxLines }) => ({
      path,
      line: maxLines,
      message: `${numLines} lines, ${maxLines} are allowed`,
    }));
  const stale = Object.keys(exceptions)
    .filter((path) => !long.some((file) => file.path === path))
    .map((path) => ({ path, line: 1, message: 'needs no exception from the budget any more' }));
  return [...over, ...stale];
}
