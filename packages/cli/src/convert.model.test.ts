// `pagemind convert` as people run it: the built file in a process of its own.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { describeWithFixtures } from '../../core/src/testing/fixtures.js';

const BIN = fileURLToPath(new URL('../bin/pagemind.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pagemind-convert-'));
afterAll(() => rmSync(folder, { recursive: true }));

function pagemind(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
    });
  });
}

describeWithFixtures('pagemind convert', 'fixtures/models/tinystories-656k', (model) => {
  const out = join(folder, 'packed');

  it('writes a folder that generates, and says what it wrote', async () => {
    const { code, stdout, stderr } = await pagemind('convert', model, out, '--quantize', 'int4-g64', '--json');
    expect(code, stderr).toBe(0);
    const { files, sourceBytes, weightBytes } = JSON.parse(stdout);
    expect(files.map(({ path }: { path: string }) => path).sort()).toEqual(readdirSync(out).sort());
    expect(weightBytes).toBeLessThan(sourceBytes / 2);
    const answer = await pagemind('generate', out, '--prompt', 'Once', '--raw', '--max-new-tokens', '4', '--json');
    expect(answer.code, answer.stderr).toBe(0);
    expect(JSON.parse(answer.stdout).token_ids).toHaveLength(4);
  });

  it('writes into a folder with files only when told to, and leaves no old weights there', async () => {
    const refused = await pagemind('convert', model, out);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/not empty.*--force/);
    writeFileSync(join(out, 'model-00001-of-00002.safetensors'), 'old');
    const { code, stdout, stderr } = await pagemind('convert', model, out, '--force');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/2\.62 MB → 2\.6\d MB in 1 file$/m);
    expect(readdirSync(out).filter((name) => name.endsWith('.safetensors'))).toEqual(['model.safetensors']);
  });

  it('does not overwrite the model itself', async () => {
    const { code, stderr } = await pagemind('convert', out, join(out, '.'), '--force');
    expect(code).toBe(2);
    expect(stderr).toMatch(/its own folder/);
  });
});
