// Compiles WGSL in naga, the compiler of Firefox, which Deno has inside: naga.mjs, run by Deno on the adapter that
// VK_ICD_FILENAMES names. Nothing is executed on it.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { tool } from '../../../tools/setup/process.mjs';

const script = fileURLToPath(new URL('naga.mjs', import.meta.url));

export interface NagaResult {
  /** Features of the adapter, as WebGPU calls them. */
  readonly features: readonly string[];
  /** What naga says against each text; nothing where it accepts one. */
  readonly errors: readonly (readonly string[])[];
}

/** Compiles every text. Throws when Deno finds no adapter. */
export function compileInNaga(texts: readonly string[]): NagaResult {
  const output = execFileSync(process.execPath, [tool('deno'), 'run', '--no-config', '--no-remote', script], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
    stdio: 'pipe', // what Deno complains about is in the error then, and nowhere else
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1' },
    timeout: 120_000,
  });
  return JSON.parse(output) as NagaResult;
}
