// `npm run setup`: from a fresh clone to a repository where everything runs: dependencies, builds, a WebGPU adapter.
// Safe to run again at any time, and quick when there is nothing to do.
import { build } from './build.mjs';
import { install } from './install.mjs';
import { runAsScript } from './process.mjs';
import { provisionAdapter } from './provision.mjs';

await runAsScript(import.meta.url, async () => {
  await install(console.log);
  await build(console.log);
  await provisionAdapter(console.log);
  console.log('pagemind is set up: npm start serves the demo, npx pagemind is the command, npm test runs all tests');
});
