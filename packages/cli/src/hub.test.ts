// Models of hubs on the command line, as far as that needs no GPU.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { FILES, ID, NEEDED_BYTES } from '../../core/src/testing/hub-harness.js';
import { HubServer } from '../../core/src/testing/hub-server.js';
import { run } from './main.js';

let hub: HubServer;
let folder: string;
let stdout = '';
let stderr = '';

beforeAll(async () => {
  hub = await HubServer.start({ [ID]: FILES });
});
afterAll(() => hub.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pagemind-cli-hub-'));
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
});

const pagemind = (...args: string[]): Promise<void> => run([...args, '--download-dir', join(folder, 'cache')]);

it('pulls, lists, exports and removes a model', async () => {
  await pagemind('pull', ID, '--endpoint', hub.url);
  expect(stdout).toContain(`${ID} is in the cache: 0.0 MB  main  ${hub.commit.slice(0, 12)}`);
  stdout = '';
  await pagemind('list', '--json');
  expect(JSON.parse(stdout)).toMatchObject([{ id: ID, isComplete: true, totalBytes: NEEDED_BYTES }]);
  await pagemind('export', ID, join(folder, 'out'));
  expect(readFileSync(join(folder, 'out/config.json'), 'utf8')).toBe('{"a":1}');
  expect(existsSync(join(folder, 'out/README.md'))).toBe(false);
  await pagemind('rm', ID);
  stdout = '';
  await pagemind('list');
  expect([stdout, stderr.includes('pagemind'), process.exitCode]).toEqual(['', false, undefined]);
});

it('lists families', async () => {
  await pagemind('list', '--families');
  expect(stdout).toMatch(/^llama: LlamaForCausalLM\n {2}\S+: [\d.]+ MB at INT4\n/);
  expect(stdout).toContain('\nllava (images): LlavaForConditionalGeneration\n');
  stdout = '';
  await pagemind('list', '--families', '--json');
  expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ family: 'gpt2', takesImages: false }));
});

it('refuses a family that it does not know before it asks for weights', async () => {
  const id = 'other/model';
  const config = new TextEncoder().encode('{"architectures":["Llama9ForCausalLM"]}');
  hub.models.set(id, { ...FILES, 'config.json': config });
  hub.requests.length = 0;
  await pagemind('plan', id, '--endpoint', hub.url);
  expect(process.exitCode).toBe(1);
  expect(stderr).toMatch(/'Llama9ForCausalLM' is not supported.*nearest.*: LlamaForCausalLM\..*\(unsupported_model\)/);
  expect(hub.requests.length).toBeGreaterThan(0);
  expect(hub.requests.filter((request) => request.includes('safetensors'))).toEqual([]);
});

it.each([
  [['pull', 'no/such', '--endpoint', 'HUB'], 1, /\(model_not_found\)$/],
  [['pull', ID, '--endpoint', 'not-an-address'], 1, /\(invalid_option\)$/],
  [['pull', ID, '--endpoint', 'HUB', '--weights-file', 'x.gguf'], 1, /has no file x\.gguf.*\(file_missing\)$/],
  [['rm', ID], 2, /is not in the cache/],
  [['export', ID, 'out'], 1, /\(model_not_found\)$/],
  [['pull'], 2, /Name one model/],
])('%j is a mistake', async (args, code, complaint) => {
  await pagemind(...args.map((arg) => (arg === 'HUB' ? hub.url : arg)));
  expect(process.exitCode).toBe(code);
  expect(stderr.trim()).toMatch(complaint);
});
