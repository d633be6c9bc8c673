// No cycles among modules, type imports included: a cycle means that two files are one.
import { isModule, parseModule, resolveRelative } from './sources.mjs';

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkCycles(sources) {
  const modules = sources.filter(({ path }) => isModule(path));
  const known = new Set(modules.map(({ path }) => path));
  const edges = new Map(
    modules.map((source) => {
      const targets = parseModule(source).imports.map(({ specifier, line }) => {
        const target = resolveRelative(source.path, specifier);
        return target && known.has(target) ? { target, line } : undefined;
      });
      return [source.path, targets.filter(Boolean)];
    }),
  );
  const complaints = [];
  const done = new Set();
  const visit = (path, trail) => {
    for (const { target, line } of edges.get(path) ?? []) {
      const at = trail.indexOf(target);
      if (at !== -1) {
        complaints.push({ path, line, message: `import cycle: ${[...trail.slice(at), target].join(' → ')}` });
      } else if (!done.has(target)) visit(target, [...trail, target]);
    }
    done.add(path);
  };
  for (const path of edges.keys()) if (!done.has(path)) visit(path, [path]);
  return complaints;
}
