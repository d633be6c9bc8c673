// The library knows no page: packages that also run in workers and in Node neither compile with the DOM library nor
// reach for its globals.
import { isShipped, parseModule, walk } from './sources.mjs';

const pageGlobals = new Set(['document', 'window', 'localStorage', 'sessionStorage', 'alert', 'Image', 'HTMLElement']);
const library = /^packages\/(quant|kernels-wgsl|core)\//;

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkEnvironment(sources) {
  const inLibrary = sources.filter(({ path }) => library.test(path));
  const configs = [...inLibrary, ...sources.filter(({ path }) => path === 'tsconfig.base.json')]
    .filter(({ path, text }) => /tsconfig[\w.]*\.json$/.test(path) && /"lib"\s*:[^\]]*"dom/i.test(text))
    .map(({ path }) => ({ path, line: 1, message: 'the library compiles without the DOM' }));
  const globals = inLibrary.filter(({ path }) => isShipped(path)).flatMap(pageGlobalsOf);
  return [...configs, ...globals];
}

function pageGlobalsOf(source) {
  const { program, lineAt } = parseModule(source);
  const complaints = [];
  walk(program, (node, parent) => {
    const { property, object } = node;
    const isGlobal = node.type === 'MemberExpression' && ['globalThis', 'self'].includes(object.name) && !node.computed;
    const name = isGlobal ? property.name : isFreeUse(node, parent) ? node.name : undefined;
    if (pageGlobals.has(name) && (isGlobal || !declares(program, name))) {
      complaints.push({ path: source.path, line: lineAt(node.start), message: `'${name}' exists only in a page` });
    }
  });
  return complaints;
}

/** An identifier that stands for a variable, not for a property's or a member's name. */
function isFreeUse(node, parent) {
  if (node.type !== 'Identifier' || parent?.type?.startsWith('TS')) return false;
  const isName =
    parent?.property === node ? !parent.computed : parent?.key === node && !parent.computed && !parent.shorthand;
  return !isName;
}

/** Whether the module has a variable or parameter of its own of that name. */
function declares(program, name) {
  let found = false;
  walk(program, (node) => {
    const bound = [
      node.type === 'VariableDeclarator' ? node.id : undefined,
      ...(Array.isArray(node.params) ? node.params : []),
    ];
    walk(bound, (part) => {
      if (part.type === 'Identifier' && part.name === name) found = true;
    });
  });
  return found;
}
