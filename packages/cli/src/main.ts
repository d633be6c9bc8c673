// Finds the command, runs it, and turns every failure into one clear line and an exit code. Commands are in commands/.
import { PagemindError } from '@pagemind/core/node';
import { bench } from './commands/bench.js';
import { chat } from './commands/chat.js';
import { checkEnv } from './commands/check-env.js';
import { convert } from './commands/convert.js';
import { encode } from './commands/encode.js';
import { generate } from './commands/generate.js';
import { lite } from './commands/lite.js';
import { logits } from './commands/logits.js';
import { exportTo, list, pull, rm } from './commands/models.js';
import { plan } from './commands/plan.js';
import { ppl } from './commands/ppl.js';
import { HELP, OVERVIEW, UsageError } from './usage.js';

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  check_env: checkEnv,
  chat,
  generate,
  logits,
  encode,
  bench,
  convert,
  lite,
  ppl,
  plan,
  pull,
  list,
  rm,
  export: exportTo,
};

/** Runs `pagemind ARGS`; sets the process's exit code. */
export async function run(args: readonly string[]): Promise<void> {
  const [given = 'help', ...rest] = args;
  const name = given.replaceAll('-', '_');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    const isHelp = ['help', '__help', '_h'].includes(name);
    if (!isHelp) process.stderr.write(`pagemind: there is no command '${given}'.\n`);
    (isHelp ? process.stdout : process.stderr).write(`${OVERVIEW}\n`);
    process.exitCode = isHelp ? 0 : 2;
    return;
  }
  if (rest.includes('--help')) {
    process.stdout.write(`${HELP[name]}\n`);
    return;
  }
  try {
    await command(rest);
  } catch (error) {
    process.stderr.write(`pagemind ${name}: ${lineOf(error, name)}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function lineOf(error: unknown, name: string): string {
  if (error instanceof PagemindError) return `${error.message}${error.hint ? ` ${error.hint}` : ''} (${error.code})`;
  if (error instanceof UsageError) return `${error.message} See \`pagemind ${name} --help\`.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
