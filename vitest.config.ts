// Test tiers that run in Node: unit (no GPU), gpu (kernels and gpu-bound rooms of core), model (goldens).
// PAGEMIND_ADAPTER (lavapipe | swiftshader) chooses the adapter; tools/setup/test.mjs runs gpu and model on each software adapter.
import { defineConfig } from 'vitest/config';
import { softwareAdapters } from './tools/setup/adapters.mjs';
import { wgsl } from './tools/wgsl/src/plugin.ts';

const adapters = softwareAdapters();
// The workers inherit these; LD_LIBRARY_PATH is read when a process starts.
const wanted = process.env['PAGEMIND_ADAPTER'];
Object.assign(process.env, wanted ? adapters[wanted] : (adapters.lavapipe ?? adapters.swiftshader));
const sources = ['packages/*/src', 'tools/wgsl/src'];

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
          include: sources.map((path) => `${path}/**/*.test.ts`),
          exclude: ['packages/kernels-wgsl/src/*/*.test.ts', '**/*.gpu.test.ts', '**/*.model.test.ts'],
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
