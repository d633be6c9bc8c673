// The checks themselves: each is given a source that breaks its law, and one beside it that does not.
import { describe, expect, it } from 'vitest';
import { checkBudgets } from './budgets.mjs';
import { checkCharters } from './charter.mjs';
import { checkCycles } from './cycles.mjs';
import { checkEnvironment } from './environment.mjs';
import { checkImportLaw } from './import-law.mjs';
import { checkLooseEnds } from './loose-ends.mjs';
import { checkModules } from './modules.mjs';
import { checkPublicNames } from './public-names.mjs';

const core = 'packages/core/src';

/** Sources from `path: text` pairs. */
const sources = (files) => Object.entries(files).map(([path, text]) => ({ path, text }));
const messages = (complaints) => complaints.map(({ path, line, message }) => `${path}:${line}: ${message}`);

describe('the import law', () => {
  const judge = (path, text) => checkImportLaw(sources({ [path]: text })).map(({ message }) => message);

  it.each([
    [`${core}/gpu/a.ts`, "import { x } from '../layers/b.js';", 'the room gpu must not import from layers'],
    [`${core}/runner/a.ts`, "import type { X } from '../engine/b.js';", 'the room runner must not import from engine'],
    [`${core}/text/a.ts`, "import { x } from '../load/b.js';", 'the room text must not import from load'],
    [`${core}/load/a.ts`, "export { x } from '../api/b.js';", 'the room load must not import from api'],
    [`${core}/load/a.ts`, "type X = import('../runner/b.js').X;", 'the room load must not import from runner'],
    [`${core}/errors.ts`, "import { x } from './gpu/b.js';", 'the room base must not import from gpu'],
    [`${core}/engine/a.ts`, "import { x } from '../index.js';", 'the room engine must not import from entry'],
    [`${core}/attic/a.ts`, "import { x } from '../errors.js';", 'this file lies in no room of core'],
    [`${core}/engine/a.ts`, "import { x } from '../attic/b.js';", 'the imported file lies in no room of core'],
    [`${core}/engine/a.ts`, "import { x } from './b.testing.js';", "'./b.testing.js' is for tests only"],
    ['packages/quant/src/a.ts', "import { x } from '@pagemind/core';", 'quant must not import @pagemind/core'],
    ['packages/demo-app/src/a.ts', "import { x } from '@pagemind/quant';", 'demo-app must not import @pagemind/quant'],
    [`${core}/load/a.ts`, "import { x } from 'node:fs';", "node:fs belongs in core's platform/node*.ts or in the cli"],
    [
      `${core}/load/a.ts`,
      "import { x } from '../../../quant/src/b.js';",
      "'../../../quant/src/b.js' leaves the package: import it by its name",
    ],
  ])('refuses, in %s: %s', (path, text, message) => {
    expect(judge(path, text)).toEqual([message]);
  });

  it.each([
    [`${core}/layers/a.ts`, "import { x } from '../gpu/b.js';"],
    [`${core}/engine/a.ts`, "import { x } from '../text/b.js';"],
    [`${core}/sampling/a.ts`, "import { x } from '../errors.js';"],
    [`${core}/index.ts`, "export { x } from './remote/b.js';"],
    [`${core}/gpu/a.ts`, "import { x } from '@pagemind/kernels-wgsl';"],
    [`${core}/platform/node-source.ts`, "import { x } from 'node:fs';"],
    [`${core}/load/a.test.ts`, "import { x } from '../engine/b.js'; import 'node:fs';"],
    ['packages/cli/src/a.ts', "import { x } from '@pagemind/core/node'; import 'node:fs';"],
    ['packages/quant/vite.config.ts', "import { x } from '../../tools/setup/library.ts';"],
  ])('allows, in %s: %s', (path, text) => {
    expect(judge(path, text)).toEqual([]);
  });
});

describe('cycles', () => {
  it('are found, type imports included', () => {
    const found = checkCycles(
      sources({
        'packages/quant/src/a.ts': "import type { B } from './b.js';",
        'packages/quant/src/b.ts': "export { c } from './c.js';",
        'packages/quant/src/c.ts': "\nimport { a } from './a.js';",
      }),
    );
    const trail = ['a', 'b', 'c', 'a'].map((name) => `packages/quant/src/${name}.ts`).join(' → ');
    expect(messages(found)).toEqual([`packages/quant/src/c.ts:2: import cycle: ${trail}`]);
  });

  it('are not seen where two ways lead to one file', () => {
    const files = { 'a.ts': "import './b.js'; import './c.js';", 'b.ts': "import './c.js';", 'c.ts': '' };
    expect(checkCycles(sources(files))).toEqual([]);
  });
});

describe('budgets', () => {
  const lines = (count) => `${'x\n'.repeat(count)}`;

  it('hold for TypeScript and WGSL', () => {
    const files = {
      'a.ts': lines(401),
      'b.ts': lines(400),
      'c.wgsl': lines(201),
      'd.wgsl': lines(200),
      'e.md': lines(999),
    };
    expect(messages(checkBudgets(sources(files), {}))).toEqual([
      'a.ts:400: 401 lines, 400 are allowed',
      'c.wgsl:200: 201 lines, 200 are allowed',
    ]);
  });

  it('take exceptions, and want stale ones gone', () => {
    const exceptions = { 'a.ts': 'one table', 'b.ts': 'was long once' };
    expect(messages(checkBudgets(sources({ 'a.ts': lines(500), 'b.ts': lines(9) }), exceptions))).toEqual([
      'b.ts:1: needs no exception from the budget any more',
    ]);
  });
});

describe('opening comments', () => {
  it('are asked of every source file', () => {
    const files = {
      'a.ts': 'export const a = 1;\n',
      'b.ts': '// What b is.\nexport const b = 1;\n',
      'c.wgsl': 'fn c() {}\n',
      'd.mjs': '#!/usr/bin/env node\n// What d is.\n',
      'e.py': '"""What e is."""\n',
      'f.d.ts': 'declare module "f";\n',
    };
    expect(checkCharters(sources(files)).map(({ path }) => path)).toEqual(['a.ts', 'c.wgsl']);
  });
});

describe('module shape', () => {
  const judge = (path, text) => checkModules(sources({ [path]: text })).map(({ message }) => message);

  it('has no default exports, barrels or dynamic imports', () => {
    expect(judge(`${core}/gpu/a.ts`, 'export default 3;')).toEqual(['default export: give it a name']);
    expect(judge(`${core}/gpu/index.ts`, "export * from './a.js';")).toEqual([
      're-export outside a package entry (a barrel)',
    ]);
    expect(judge(`${core}/gpu/a.ts`, "export const a = () => import('./b.js');")).toEqual([
      'dynamic import(): service workers forbid it',
    ]);
  });

  it('lets entries re-export, and Node ask for its optional peer', () => {
    expect(judge(`${core}/index.ts`, "export { a } from './gpu/a.js';")).toEqual([]);
    expect(judge(`${core}/platform/node.ts`, "export const a = () => import('webgpu');")).toEqual([]);
    expect(judge(`${core}/gpu/a.ts`, "export type A = import('webgpu').A;")).toEqual([]);
  });
});

describe('the library', () => {
  const judge = (text) => checkEnvironment(sources({ [`${core}/gpu/a.ts`]: text })).map(({ message }) => message);

  it('reaches for no page', () => {
    expect(judge("document.title = 'a';")).toEqual(["'document' exists only in a page"]);
    expect(judge('export const a = globalThis.localStorage;')).toEqual(["'localStorage' exists only in a page"]);
    expect(judge('export const a = { b: window };')).toEqual(["'window' exists only in a page"]);
  });

  it('may use the words for things of its own', () => {
    expect(judge('export const f = (window: number) => window + 1;')).toEqual([]);
    expect(judge('export const f = (c: C) => c.window ?? c.document;')).toEqual([]);
    expect(judge('export interface A { readonly document: string }')).toEqual([]);
    expect(judge('export const { window } = config; export const x = window;')).toEqual([]);
  });

  it('compiles without the DOM', () => {
    const config = { 'packages/core/tsconfig.json': '{ "compilerOptions": { "lib": ["ES2023", "DOM"] } }' };
    expect(checkEnvironment(sources(config))).toHaveLength(1);
    const demo = { 'packages/demo-app/tsconfig.json': '{ "compilerOptions": { "lib": ["ES2023", "DOM"] } }' };
    expect(checkEnvironment(sources(demo))).toEqual([]);
  });
});

describe('public names', () => {
  it('have doc comments where they are declared', () => {
    const files = {
      'packages/quant/src/index.ts':
        "export * from './a.js';\nexport { b as c, type D } from './b.js';\nexport type { F } from './e.js';\n",
      'packages/quant/src/a.ts': '/** Good. */\nexport const a = 1;\nexport const bare = 2;\n',
      'packages/quant/src/b.ts':
        '// no doc\nexport function b() {}\n/** Good. */\nexport interface D {}\nexport const hidden = 1;\n',
      'packages/quant/src/e.ts': "import type { F } from './f.js';\nexport type { F };\n",
      'packages/quant/src/f.ts': '\nexport type F = 1;\n',
    };
    expect(messages(checkPublicNames(sources(files)))).toEqual([
      "packages/quant/src/a.ts:3: the public name 'bare' has no doc comment",
      "packages/quant/src/b.ts:2: the public name 'b' has no doc comment",
      "packages/quant/src/f.ts:2: the public name 'F' has no doc comment",
    ]);
  });
});

describe('loose ends', () => {
  it.each([
    '// TODO: later',
    '// @ts-ignore',
    'it.skip("x", () => {});',
    'const a = "/home/ann/x";',
    'const b = "https://registry.example.org/";',
  ])('%s', (text) => {
    expect(checkLooseEnds(sources({ 'packages/core/src/gpu/a.ts': text }))).toHaveLength(1);
  });

  it('are not seen in ordinary text', () => {
    const text = "const url = '/models/index.json'; const s = 'https://example.org/'; // what is left to do\n";
    expect(checkLooseEnds(sources({ 'packages/core/src/gpu/a.ts': text }))).toEqual([]);
  });
});
