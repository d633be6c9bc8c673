// The Vite configuration that all published packages share: ES modules, dependencies left outside, .wgsl files turned
// into segments. Declarations are tsc's work (build.mjs); the demo has a configuration of its own.
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UserConfig } from 'vite';
import { wgsl } from '../wgsl/src/plugin.ts';

/** Builds `src/<entry>.ts` of the package that `configUrl` lies in into `dist/<entry>.js`. */
export function library(configUrl: string, entries: readonly string[]): UserConfig {
  const path = (relative: string): string => fileURLToPath(new URL(relative, configUrl));
  return {
    root: path('.'),
    plugins: [wgsl()],
    build: {
      target: 'es2023',
      outDir: 'dist',
      emptyOutDir: false, // build.mjs empties it; tsc writes here too
      minify: false,
      sourcemap: true,
      lib: { entry: Object.fromEntries(entries.map((name) => [name, path(`src/${name}.ts`)])), formats: ['es'] },
      rolldownOptions: {
        external: (id) => !id.startsWith('.') && !id.startsWith('\0') && !isAbsolute(id),
        output: { entryFileNames: '[name].js', chunkFileNames: 'shared/[name]-[hash].js' },
      },
    },
  };
}
