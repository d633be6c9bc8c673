// Every file opens with a comment of one to five lines: what it does, and what does not belong in it.

const openings = [
  { pattern: /\.(ts|tsx|mjs|js|wgsl|c)$/, comment: /^(#!.*\n)?(\/\/.*\n|\/\*)/ },
  { pattern: /\.css$/, comment: /^\/\*/ },
  { pattern: /\.(svelte|html)$/, comment: /^(<!doctype html>\s*)?(<html[^>]*>\s*)?(<script[^>]*>\s*\/\/|<!--)/i },
  { pattern: /\.py$/, comment: /^(#!.*\n)?("""|#)/ },
  { pattern: /(\.sh|\.ci\/run)$/, comment: /^#!.*\n#/ },
];

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkCharters(sources) {
  return sources
    .filter(({ path, text }) => {
      const opening = openings.find(({ pattern }) => pattern.test(path));
      return opening && !path.endsWith('.d.ts') && !opening.comment.test(text);
    })
    .map(({ path }) => ({ path, line: 1, message: 'the file does not open with a comment that says what it does' }));
}
