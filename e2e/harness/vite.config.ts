// Builds the harness: a page that uses the library as a stranger would, and a worker with an engine made up for tests
// of the demo.
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig } from 'vite';
import { wgsl } from '../../tools/wgsl/src/plugin.ts';
import { HARNESS_FOLDER } from '../testing/addresses.mjs';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  plugins: [wgsl()],
  resolve: { conditions: ['@pagemind/source', ...defaultClientConditions] },
  worker: { format: 'es', plugins: () => [wgsl()] },
  build: {
    target: 'es2023',
    outDir: HARNESS_FOLDER,
    emptyOutDir: true,
    rolldownOptions: {
      input: { index: path('index.html'), 'fake-worker': path('fake-worker.ts') },
      output: { entryFileNames: '[name].js' },
    },
  },
});
