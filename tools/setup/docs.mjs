// `npm run docs`: makes what documents say of the code anew out of the code. A test compares it with what stands there.
import { run, runAsScript, tool } from './process.mjs';

/** Tests that write tables. */
const TABLES = ['packages/core/src/load/formats-table', 'packages/core/src/models/catalog.fixtures'];

await runAsScript(import.meta.url, async () => {
  const { code } = await run(process.execPath, [tool('vitest', 'vitest'), 'run', '--project', 'unit', ...TABLES], {
    output: 'inherit',
    env: { ...process.env, PAGEMIND_WRITE_DOCS: '1' },
  });
  process.exitCode = code;
});
