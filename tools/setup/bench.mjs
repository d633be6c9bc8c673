// `npm run bench -- …`: sets up and hands its arguments to the command's bench.
import { build } from './build.mjs';
import { install } from './install.mjs';
import { run, runAsScript } from './process.mjs';
import { provisionAdapter } from './provision.mjs';

await runAsScript(import.meta.url, async (args) => {
  const log = (line) => console.error(line); // what the bench prints on stdout is JSON
  await install(log);
  await build(log);
  await provisionAdapter(log);
  const { code } = await run(process.execPath, ['packages/cli/bin/pagemind.js', 'bench', ...args], {
    output: 'inherit',
  });
  process.exitCode = code;
});
