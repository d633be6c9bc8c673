// Who may import whom: one direction between packages, one between the rooms of core. Type imports are held to the
// same law. Cycles are another check.
import { isModule, isTest, parseModule, resolveRelative } from './sources.mjs';

/** Workspace packages that a package may import. */
const packages = {
  quant: [],
  'kernels-wgsl': ['quant'],
  core: ['quant', 'kernels-wgsl'],
  cli: ['core'],
  'demo-app': ['core'],
  e2e: ['core'],
};

/** Rooms of core from the ground up: a room may import those before it, and the side rooms. */
const mainRooms = ['base', 'platform', 'gpu', 'layers', 'models', 'runner', 'engine', 'lite', 'api', 'remote'];

/** Side rooms: what they may import beside themselves. */
const sideRooms = {
  load: ['base', 'platform', 'gpu'],
  sampling: ['base', 'gpu'],
  text: ['base'],
  image: ['base'],
  store: ['base', 'load'],
  hub: ['base', 'load', 'store'],
};

/** Files that stand in `core/src` itself. The entry points are above all rooms. */
const rootFiles = {
  'errors.ts': 'base',
  'async-queue.ts': 'base',
  'config.ts': 'runner',
  'plan.ts': 'engine',
  'assemble.ts': 'engine',
  'assemble-once.ts': 'engine',
  'convert.ts': 'engine',
  'assemble-text.ts': 'engine',
  'assemble-vision.ts': 'engine',
  'create-engine.ts': 'api',
  'load-model.ts': 'api',
  'browser-stores.ts': 'api',
  'index.ts': 'entry',
  'client.ts': 'entry',
  'host.ts': 'entry',
  'node.ts': 'entry',
};

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkImportLaw(sources) {
  return sources
    .filter(({ path }) => isModule(path) && packageOf(path))
    .flatMap((source) =>
      parseModule(source).imports.flatMap(({ specifier, line }) => {
        const message = judge(source.path, specifier);
        return message ? [{ path: source.path, line, message }] : [];
      }),
    );
}

/** What is wrong with an import; undefined when nothing is. */
function judge(path, specifier) {
  const from = packageOf(path);
  const workspace = /^@pagemind\/([\w-]+)/.exec(specifier)?.[1];
  if (workspace) {
    const allowed = packages[from] ?? [];
    return allowed.includes(workspace) ? undefined : `${from} must not import @pagemind/${workspace}`;
  }
  if (specifier.startsWith('node:')) {
    return mayUseNode(path) ? undefined : `${specifier} belongs in core's platform/node*.ts or in the cli`;
  }
  const target = resolveRelative(path, specifier);
  if (!target) return undefined;
  if (packageOf(target) !== from) {
    const isForTests = /(^|\/)testing\//.test(target) || target.startsWith('tools/');
    return isForTests && mayUseTools(path) ? undefined : `'${specifier}' leaves the package: import it by its name`;
  }
  if (isTest(path)) return undefined;
  if (isTest(target)) return `'${specifier}' is for tests only`;
  return from === 'core' ? judgeRooms(roomOf(path), roomOf(target)) : undefined;
}

function judgeRooms(from, to) {
  if (!from) return 'this file lies in no room of core';
  if (!to) return 'the imported file lies in no room of core';
  if (from === to || from === 'entry') return undefined;
  const allowed = sideRooms[from] ?? [...mainRooms.slice(0, mainRooms.indexOf(from)), ...Object.keys(sideRooms)];
  return allowed.includes(to) ? undefined : `the room ${from} must not import from ${to}`;
}

function packageOf(path) {
  return path.startsWith('e2e/') ? 'e2e' : /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** Room of a file of core; undefined when the design knows none. */
function roomOf(path) {
  const [first = '', second] = path.replace('packages/core/src/', '').split('/');
  if (second === undefined) return rootFiles[first];
  return mainRooms.includes(first) || first in sideRooms ? first : undefined;
}

const mayUseTools = (path) => isTest(path) || path.endsWith('.config.ts');

/** The packages that run in pages have no Node. */
function mayUseNode(path) {
  const runsInPages = /^packages\/(quant|kernels-wgsl|core|demo-app)\/src\//.test(path);
  return !runsInPages || isTest(path) || /^packages\/core\/src\/(platform\/node[\w-]*|node)\.ts$/.test(path);
}
