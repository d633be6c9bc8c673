// Every name that a published package exports has a doc comment where it is declared.
import { parseModule, resolveRelative } from './sources.mjs';

const entries = /^packages\/(quant|kernels-wgsl|core)\/src\/(index|client|host|node)\.ts$/;

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkPublicNames(sources) {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const complaints = new Map();
  const visit = (path, wanted, seen) => {
    const source = byPath.get(path);
    if (!source || path.endsWith('.wgsl') || seen.has(`${path} ${wanted}`)) return;
    seen.add(`${path} ${wanted}`);
    const { exports, program, comments, lineAt } = parseModule(source);
    for (const { exportName, importName, localName, moduleRequest, start } of exports) {
      const name = exportName.name;
      const isStar = importName.kind === 'AllButDefault';
      if (wanted !== undefined && name !== wanted && !isStar) continue;
      if (moduleRequest) {
        const target = resolveRelative(path, moduleRequest.value);
        if (target) visit(target, isStar ? wanted : importName.name, seen);
        continue;
      }
      const origin = importOf(program, localName.name);
      if (origin) visit(resolveRelative(path, origin.specifier) ?? '', origin.name, seen);
      else if (!hasDoc(source.text, comments, declarationStart(program, localName.name) ?? start)) {
        const line = lineAt(start);
        complaints.set(`${path}:${name}`, { path, line, message: `the public name '${name}' has no doc comment` });
      }
    }
  };
  for (const { path } of sources.filter(({ path }) => entries.test(path))) visit(path, undefined, new Set());
  return [...complaints.values()];
}

/** `export { name }` of something imported further up. */
function importOf(program, name) {
  for (const { type, source, specifiers = [] } of program.body) {
    const specifier = type === 'ImportDeclaration' && specifiers.find(({ local }) => local.name === name);
    if (specifier) return { specifier: source.value, name: specifier.imported?.name };
  }
  return undefined;
}

/** Offset where the statement that declares a name begins. */
function declarationStart(program, name) {
  const statement = program.body.find((node) => {
    const declared = node.declaration ?? node;
    const names = declared.declarations?.map(({ id }) => id.name) ?? [declared.id?.name];
    return names.includes(name);
  });
  return statement?.start;
}

function hasDoc(text, comments, start) {
  const before = comments.findLast(({ end }) => end <= start && text.slice(end, start).trim() === '');
  return before?.type === 'Block' && before.value.startsWith('*');
}
