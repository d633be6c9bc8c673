// `npm start`: sets up what the demo needs and serves it. Options: --port N (exactly that one), --no-build.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { fixtureFolder } from './fixtures.mjs';
import { install } from './install.mjs';
import { repository, runAsScript, SetupError } from './process.mjs';
import { provisionAdapter } from './provision.mjs';
import { serve } from './serve.mjs';

await runAsScript(import.meta.url, async (args) => {
  const { port, 'no-build': skipBuild } = readOptions(args);
  if (!skipBuild) {
    await install(console.log);
    await build(console.log);
    // The browser brings its own WebGPU; only the pagemind command needs this.
    await provisionAdapter(console.log).catch((error) => console.warn(`pagemind: ${error.message}`));
  }
  const folder = join(repository, 'packages/demo-app/dist');
  if (!existsSync(join(folder, 'index.html'))) {
    throw new SetupError('the demo is not built: run npm start without --no-build');
  }
  const models = fixtureFolder('models');
  const exact = port !== undefined;
  const { url } = await serve({ folder, exact, ...(models && { models }), ...(exact && { port }) });
  console.log(`The Pagemind demo runs at ${url} (stop it with Ctrl+C).`);
});

function readOptions(args) {
  try {
    const { values } = parseArgs({ args, options: { port: { type: 'string' }, 'no-build': { type: 'boolean' } } });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536)) throw new TypeError('bad port');
    return { ...values, port };
  } catch (error) {
    throw new SetupError(`npm start understands -- --port N and --no-build (${error.message})`);
  }
}
