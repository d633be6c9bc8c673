// Builds the harness: a page that uses the library as a stranger would, and a worker with an engine made up for tests
// of the demo. Each is built by itself, so that the worker is one file; the build's mode names its entry.
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig } from 'vite';
import { wgsl } from '../../tools/wgsl/src/plugin.ts';
import { HARNESS_FOLDER } from '../testing/addresses.mjs';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig(({ mode: entry }) => ({
  plugins: [wgsl()],
  resolve: { conditions: ['@pagemind/source', ...defaultClientConditions] },
  worker: { format: 'es', plugins: () => [wgsl()] },
  build: {
    target: 'es2023',
    outDir: HARNESS_FOLDER,
    emptyOutDir: false, // serve.mjs empties it
    rolldownOptions: { input: path(entry), output: { entryFileNames: '[name].js' } },
  },
}));
