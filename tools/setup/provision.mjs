// Sees to it that Dawn in Node has a WebGPU adapter on Linux, and that the tests have both software adapters and a
// browser. On macOS and Windows Dawn uses Metal and Direct3D, and nothing is fetched.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { places, softwareAdapters } from './adapters.mjs';
import { provisionChromium, provisionLavapipeChromium } from './chromium.mjs';
import { provisionLavapipe } from './lavapipe.mjs';
import { run, runAsScript, SetupError } from './process.mjs';

/** What Dawn says of its adapter under an environment; undefined when it has none. */
async function probe(env = {}) {
  const { code, output } = await run(process.execPath, [fileURLToPath(new URL('probe.mjs', import.meta.url))], {
    env,
    timeoutMs: 60_000,
  });
  const line = output.trim().split('\n').at(-1) ?? '';
  return code === 0 && line.startsWith('{') ? JSON.parse(line) : undefined;
}

/**
 * Gives Node an adapter: the system's own if there is one, else a software adapter, fetched when necessary. Writes
 * `adapter.json` for the `pagemind` command when the system has none.
 */
export async function provisionAdapter(log) {
  if (await probe()) {
    rmSync(places.adapterFile, { force: true });
    return;
  }
  let reason = 'Dawn finds no WebGPU adapter in Node';
  if (process.platform === 'linux' && !softwareAdapters().lavapipe) {
    await attempt(provisionLavapipe, log, (problem) => {
      reason = problem;
    });
  }
  for (const [name, env] of Object.entries(softwareAdapters())) {
    if (!(await probe(env))) continue;
    const text = `${JSON.stringify({ env }, null, 2)}\n`;
    if (existsSync(places.adapterFile) && readFileSync(places.adapterFile, 'utf8') === text) return;
    mkdirSync(dirname(places.adapterFile), { recursive: true });
    writeFileSync(places.adapterFile, text);
    log(`no graphics driver that Dawn can use: the pagemind command will compute on the CPU (${name})`);
    return;
  }
  throw new SetupError(`${reason}; install a Vulkan driver for the pagemind command (the demo needs none)`);
}

/** Runs a step; a fault that a person can act on goes to `report` as a sentence. */
async function attempt(step, log, report) {
  try {
    await step(log);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    report(error.message);
  }
}

/**
 * Gives the tests whatever of lavapipe, SwiftShader and Chromium this machine can have.
 * @returns {Promise<string[]>} one sentence for each part that is missing.
 */
export async function provisionTests(log) {
  const problems = [];
  const report = (problem) => problems.push(problem);
  await attempt(provisionChromium, log, report);
  if (process.platform !== 'linux') return problems;
  await attempt(provisionLavapipe, log, report);
  await attempt(provisionLavapipeChromium, log, log); // one browser is enough, the second needs a C compiler
  for (const name of ['lavapipe', 'swiftshader']) {
    const env = softwareAdapters()[name];
    if (!env) problems.push(`the software adapter ${name} is not on this machine`);
    else if (!(await probe(env))) problems.push(`Dawn refuses the software adapter ${name}`);
  }
  return problems;
}

await runAsScript(import.meta.url, async (args) => {
  if (args.includes('--tests')) {
    const problems = await provisionTests(console.log);
    if (problems.length > 0) throw new SetupError(problems.join('; '));
  } else await provisionAdapter(console.log);
});
