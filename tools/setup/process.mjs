// Small helpers that every script of this folder shares: running programs, one-sentence errors, the repository's folder.
// What a script does with them belongs in the script.
import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root folder of the repository, without a slash at the end. */
export const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** A fault that the person at the terminal can act on; its message is one sentence and needs no stack. */
export class SetupError extends Error {}

/**
 * Runs a program to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, output?: 'inherit' | 'capture', timeoutMs?: number }} options
 *   `env` is added to this process's environment; `timeoutMs` kills the program.
 * @returns {Promise<{ code: number, output: string }>} exit code (124 after a timeout, 127 when the program is
 *   missing) and, when captured, what it wrote.
 */
export function run(command, args, { cwd = repository, env = {}, output = 'capture', timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: output === 'inherit' ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npx',
    });
    let text = '';
    let timedOut = false;
    const timer = timeoutMs
      ? setTimeout(() => {
          timedOut = true;
          child.kill('SIGKILL');
        }, timeoutMs)
      : undefined;
    const collect = (chunk) => {
      text += chunk;
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, output: error.message });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: timedOut ? 124 : (code ?? 1), output: text });
    });
  });
}

/**
 * Like {@link run}, but anything but success is an error: prints what the program wrote and throws `complaint`.
 * @returns {Promise<string>} what the program wrote.
 */
export async function mustRun(complaint, command, args, options) {
  const { code, output } = await run(command, args, options);
  if (code === 0) return output;
  if (output) process.stderr.write(`${output.trimEnd()}\n`);
  throw new SetupError(`${complaint} (${command} ended with ${code})`);
}

/** Arguments for Node that start a tool installed at the root: `tool('vitest')`, `tool('typescript', 'tsc')`. */
export function tool(packageName, binary = packageName) {
  const folder = join(repository, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[binary]);
}

/** Runs `main` when the module at `url` is the script that was started; a SetupError ends it with one sentence. */
export async function runAsScript(url, main) {
  const started = process.argv[1];
  if (!started || realpathSync(started) !== realpathSync(fileURLToPath(url))) return;
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof SetupError ? `pagemind: ${error.message}` : error);
    process.exitCode = 1;
  }
}
