// Builds the demo page from the sources of the workspace into dist/, a folder that any static server can serve.
// Serving it and finding models is the work of tools/setup.
import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { wgsl } from '../../tools/wgsl/src/plugin.ts';

/** Everything comes from the page's own origin, and nothing is evaluated. */
const contentSecurityPolicy = ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'none'"].join(
  '; ',
);

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

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [wgsl(), strictPolicy()],
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
