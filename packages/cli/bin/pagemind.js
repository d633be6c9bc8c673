#!/usr/bin/env node
// The command `pagemind`. In a clone on a machine without a Vulkan driver, setup leaves the environment of a software
// adapter in .cache/adapter.json; a library path counts only from a process's start, so the command starts itself again.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);
const adapter = new URL('../../../.cache/adapter.json', import.meta.url);

if (!existsSync(main)) {
  console.error('pagemind is not built yet: run `npm run setup` in the repository first.');
  process.exit(1);
} else if (!process.env.VK_ICD_FILENAMES && !process.env.PAGEMIND_RESTARTED && existsSync(adapter)) {
  const { env } = JSON.parse(readFileSync(adapter, 'utf8'));
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, ...env, PAGEMIND_RESTARTED: '1' },
  });
  // The terminal sends its signals to both; the child decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
} else {
  const { run } = await import(main.href);
  await run(process.argv.slice(2));
}
