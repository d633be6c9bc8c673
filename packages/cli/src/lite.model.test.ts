// `pagemind lite` as people run it: a process that is killed without a word, and the one that goes on after it.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithFixtures, fixturesPath } from '../../core/src/testing/fixtures.js';

const BIN = fileURLToPath(new URL('../bin/pagemind.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pagemind-lite-'));
const text = join(folder, 'calibration.txt');
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Quantises into `out`; `onLine` hears what the command says while it works. */
function lite(
  model: string,
  out: string,
  onLine: (line: string, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const windows = ['--calib-dataset', text, '--calib-samples', '1', '--calib-seqlen', '32', '--w-group-size', '64'];
  const args = ['lite', 'auto_awq', model, '--work-dir', out, ...windows, '--search-scale', '--json'];
  const child = spawn(process.execPath, [BIN, ...args]);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
    for (const line of String(chunk).trim().split('\n')) onLine(line, child);
  });
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...said })));
}

/** SHA-256 of every file in a folder. */
function hashesOf(path: string): Record<string, string> {
  const hashOf = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(path, name)))
      .digest('hex');
  return Object.fromEntries(
    readdirSync(path)
      .sort()
      .map((name) => [name, hashOf(name)]),
  );
}

describeWithFixtures('pagemind lite', 'fixtures/models/tinystories-656k', (model) => {
  beforeAll(() => {
    const stories = readFileSync(fixturesPath('fixtures/text/tinystories/tiny_stories.txt'), 'utf8');
    writeFileSync(text, stories.slice(200_000, 220_000));
  });

  it('that is killed after a layer goes on behind it, and writes the same bytes', async () => {
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')];
    const unbroken = await lite(model, whole);
    expect(unbroken.code, unbroken.stderr).toBe(0);
    expect(JSON.parse(unbroken.stdout)).toMatchObject({ numLayers: 2, numFound: 0 });

    const killed = await lite(model, broken, (line, child) => {
      if (line.startsWith('Layer 1 of 2')) child.kill('SIGKILL');
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(readdirSync(broken)).not.toContain('config.json');

    const again = await lite(model, broken);
    expect(again.code, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ numLayers: 2, numFound: 1 });
    expect(hashesOf(broken)).toEqual(hashesOf(whole));
  });
});
