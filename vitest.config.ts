// Test tiers that run in Node: unit (no GPU), gpu (kernels and gpu-bound rooms of core), model (goldens).
// PAGEMIND_ADAPTER (lavapipe | swiftshader) chooses the adapter; npm test runs gpu on both, model on the first.
import { defineConfig } from 'vitest/config';
import { softwareAdapters } from './tools/setup/adapters.mjs';
import { wgsl } from './tools/wgsl/src/plugin.ts';

const adapters: Partial<Record<string, Record<string, string>>> = softwareAdapters();
const wanted = process.env['PAGEMIND_ADAPTER'];
if (wanted && !adapters[wanted]) throw new Error(`PAGEMIND_ADAPTER=${wanted}: run npm run setup, or npm test`);
// The workers inherit these; LD_LIBRARY_PATH is read when a process starts.
Object.assign(process.env, wanted ? adapters[wanted] : (adapters['lavapipe'] ?? adapters['swiftshader']));

export default defineConfig({
  plugins: [wgsl()],
  resolve: { conditions: ['@pagemind/source'] },
  ssr: { resolve: { conditions: ['@pagemind/source'] } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.{ts,mjs}'],
          exclude: [
            'packages/kernels-wgsl/src/*/*.test.ts',
            '**/*.gpu.test.ts',
            '**/*.model.test.ts',
            '**/node_modules/**',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'gpu',
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          include: ['packages/kernels-wgsl/src/*/*.test.ts', 'packages/*/src/**/*.gpu.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'model',
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 600_000,
          hookTimeout: 300_000,
          include: ['packages/*/src/**/*.model.test.ts'],
        },
      },
    ],
  },
});
