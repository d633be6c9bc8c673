// What every check looks at: the repository's text files, and the imports and exports of its modules. No law is stated
// here.
import { readFileSync } from 'node:fs';
import { posix, relative, sep } from 'node:path';
import { parseSync } from 'vite';
import { filesBelow } from '../setup/inputs.mjs';
import { repository } from '../setup/process.mjs';

/**
 * @typedef {{ path: string, text: string }} Source a file; `path` is relative to the repository, with slashes
 * @typedef {{ path: string, line: number, message: string }} Complaint
 * @typedef {{ specifier: string, line: number, dynamic: boolean }} Import
 */

const textFile = /(^|\/)(\.ci\/run|\.gitignore|LICENSE)$|\.(ts|tsx|js|mjs|json|wgsl|md|yaml|py|html|css|svelte|c|sh)$/;

/** All text files of the repository that a person wrote. */
export function readSources() {
  return filesBelow(repository)
    .map((file) => relative(repository, file).split(sep).join('/'))
    .filter((path) => textFile.test(path) && path !== 'pnpm-lock.yaml')
    .map((path) => ({ path, text: readFileSync(posix.join(repository, path), 'utf8') }));
}

/** Modules that ship: TypeScript below a package's `src`, without tests and ambient declarations. */
export function isShipped(path) {
  return /^packages\/[^/]+\/src\/.*\.tsx?$/.test(path) && !isTest(path) && !path.endsWith('.d.ts');
}

/** Tests, what only tests import, and benchmarks. */
export function isTest(path) {
  return /\.(test|spec|bench|testing|reference)\.(ts|mjs)$|(^|\/)testing\/|^e2e\//.test(path);
}

export function isModule(path) {
  return /\.(ts|tsx|mjs)$/.test(path) && !path.endsWith('.d.ts');
}

/**
 * Parses a module.
 * @param {Source} source
 * @returns {{ imports: Import[], exports: object[], program: object, comments: object[], lineAt: (offset: number) => number }}
 */
export function parseModule({ path, text }) {
  const { program, module, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  const lineAt = (offset) => text.slice(0, offset).split('\n').length;
  const imports = [...module.staticImports, ...module.staticExports.flatMap(({ entries }) => entries)]
    .filter(({ moduleRequest }) => moduleRequest)
    .map(({ moduleRequest, start }) => ({ specifier: moduleRequest.value, line: lineAt(start), dynamic: false }));
  walk(program, (node) => {
    if (node.type === 'ImportExpression' || node.type === 'TSImportType') {
      const specifier = typeof node.source?.value === 'string' ? node.source.value : '';
      imports.push({ specifier, line: lineAt(node.start), dynamic: node.type === 'ImportExpression' });
    }
  });
  return { imports, exports: module.staticExports.flatMap(({ entries }) => entries), program, comments, lineAt };
}

/** Visits every node of a syntax tree with its parent. */
export function walk(node, visit, parent) {
  if (Array.isArray(node)) for (const child of node) walk(child, visit, parent);
  else if (node && typeof node === 'object') {
    if (typeof node.type === 'string') visit(node, parent);
    for (const child of Object.values(node)) if (child && typeof child === 'object') walk(child, visit, node);
  }
}

/** Repository path that a relative import leads to: `./x.js` is the file `x.ts`. Undefined for packages. */
export function resolveRelative(fromPath, specifier) {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(fromPath), specifier).replace(/\.js$/, '.ts');
}
