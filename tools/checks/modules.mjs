// How modules of packages are shaped: no default exports, no barrels but the package's entry points, no dynamic import
// (service workers forbid it). Which module imports which is import-law.mjs.
import { isShipped, parseModule } from './sources.mjs';

/** `webgpu` is an optional peer, so only Node's platform file may ask for it while running. */
const mayImportDynamically = new Set([
  'packages/core/src/platform/node.ts',
  'packages/core/src/platform/node-image.ts',
]);

/** @param {import('./sources.mjs').Source[]} sources @returns {import('./sources.mjs').Complaint[]} */
export function checkModules(sources) {
  return sources
    .filter(({ path }) => isShipped(path))
    .flatMap((source) => {
      const { imports, exports, lineAt } = parseModule(source);
      const { path } = source;
      const isEntry = /^packages\/[^/]+\/src\/[^/]+\.ts$/.test(path);
      const isBrowserApp = path.startsWith('packages/demo-app/');
      return [
        ...exports
          .filter(({ exportName }) => exportName.kind === 'Default')
          .map(({ start }) => ({ path, line: lineAt(start), message: 'default export: give it a name' })),
        ...exports
          .filter(({ moduleRequest }) => moduleRequest && !isEntry)
          .map(({ start }) => ({ path, line: lineAt(start), message: 're-export outside a package entry (a barrel)' })),
        ...imports
          .filter(({ dynamic }) => dynamic && !mayImportDynamically.has(path) && !isBrowserApp)
          .map(({ line }) => ({ path, line, message: 'dynamic import(): service workers forbid it' })),
      ];
    });
}
