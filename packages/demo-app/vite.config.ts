// Builds the demo page from the sources of the workspace into dist/, a folder that any static server can serve: with the
// models of public/models, and a list of them. Other models are served by tools/setup.
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { listModels } from '../../tools/setup/serve.mjs';
import { wgsl } from '../../tools/wgsl/src/plugin.ts';
import { offline } from './offline/plugin.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Everything comes from the page's own origin or, pictures, from the person; nothing is evaluated. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "img-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Isolated from other origins, as a page that handles private text should be. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Only in builds: the development server injects inline styles. */
function strictPolicy(): Plugin {
  const attrs = { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy };
  return {
    name: 'pagemind-content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [{ tag: 'meta', attrs, injectTo: 'head-prepend' }],
  };
}

/** What a static server cannot say by itself, in the same words as tools/setup/serve.mjs says it. */
function modelList(): Plugin {
  return {
    name: 'pagemind-model-list',
    apply: 'build',
    async generateBundle() {
      const models = await listModels(path('public/models'));
      this.emitFile({ type: 'asset', fileName: 'models/index.json', source: JSON.stringify(models) });
    },
  };
}

export default defineConfig({
  root: path('.'),
  base: './',
  plugins: [wgsl(), strictPolicy(), modelList(), offline(path('public'))],
  resolve: { conditions: ['@pagemind/source', ...defaultClientConditions] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', plugins: () => [wgsl()] },
  build: {
    target: 'es2023',
    outDir: 'dist',
    sourcemap: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // Models come from `npm start`, running beside the development server.
  server: { port: 5174, headers, proxy: { '/models': 'http://localhost:5173' } },
  preview: { headers },
});
