// The command as people run it: the built file in a process of its own.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { describeWithFixtures } from '../../core/src/testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, idsOf } from '../../core/src/testing/goldens.js';
import { readTensors } from '../../core/src/testing/tensors.js';

const BIN = fileURLToPath(new URL('../bin/pagemind.js', import.meta.url));
const MODEL = 'fixtures/models/tinystories-656k';
const folder = mkdtempSync(join(tmpdir(), 'pagemind-cli-'));

afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function pagemind(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr });
    });
  });
}

/** The last line of stderr: what the user is told. */
const complaint = ({ stderr }: Outcome): string => stderr.trim().split('\n').at(-1) ?? '';

describe('pagemind', () => {
  it('tells what it can do', async () => {
    const { code, stdout } = await pagemind('help');
    expect(code).toBe(0);
    for (const command of ['check_env', 'chat', 'generate', 'logits', 'encode', 'bench'])
      expect(stdout).toContain(command);
  });

  it('reports the environment as JSON', async () => {
    const { code, stdout } = await pagemind('check_env', '--json');
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ ok: true, adapter: { isCpu: expect.any(Boolean) } });
    expect(report.probe.bytesPerSecond).toBeGreaterThan(0);
  });

  it('loads from a hub that loses connections, in little memory, and then without it', async () => {
    const { code, stdout } = await pagemind(
      ...['bench', '--synthetic', 'miniature', '--prompt-tokens', '4', '--new-tokens', '3', '--json'],
    );
    expect(code).toBe(0);
    const { bytes, droppedConnections, first, second } = JSON.parse(stdout);
    expect([droppedConnections, second.requests, second.downloadedBytes]).toEqual([3, 0, 0]);
    // Of a connection that is lost, what was on its way comes twice.
    expect(first.downloadedBytes).toBeGreaterThanOrEqual(bytes);
    expect(first.downloadedBytes).toBeLessThan(bytes + 3.1e6);
    expect(first.peakBytes).toBeLessThan(128 * 2 ** 20);
    expect(second.tokenIds).toHaveLength(3);
    expect(second.tokenIds).toEqual(first.tokenIds);
  });

  it('names a command that it does not have', async () => {
    const { code, stderr } = await pagemind('frobnicate');
    expect(code).toBe(2);
    expect(stderr).toMatch(/no command 'frobnicate'/);
  });

  it.each([
    [['generate', '/nowhere', '--prompt', 'x'], 1, /\((file_missing|source_unreachable)\)$/],
    [['generate', folder, '--prompt', 'x'], 1, /config\.json.*\(file_missing\)$/],
    [['generate', folder], 2, /exactly one of --prompt/],
    [['generate', folder, '--prompt', 'x', '--warp', '9'], 2, /--warp/],
    [['generate', folder, '--prompt', 'x', '--top-p', 'much'], 2, /--top-p must be a number/],
    [['generate', folder, '--input-ids', '1,two'], 2, /--input-ids/],
    [['generate', folder, '--input-ids', '1', '--logprobs', '2'], 2, /--logprobs needs --json/],
    [['logits', folder, '--input-ids', '1'], 2, /--out/],
    [['generate', folder, '--prompt', 'x', '--image', '/nowhere/cat.png'], 2, /cat\.png cannot be read/],
    [['logits', folder, '--input-ids', '1', '--out', 'x', '--image', 'a', '--pixel-values', 'b'], 2, /not both/],
    [['logits', folder, '--input-ids', '1', '--out', 'x', '--pixel-values', BIN], 1, /\(file_malformed\)$/],
  ])('answers %j with one clear line', async (args, code, line) => {
    const outcome = await pagemind(...args);
    expect(outcome.code).toBe(code);
    expect(complaint(outcome)).toMatch(line);
    expect(outcome.stderr).not.toContain('    at ');
  });
});

/** Folders of tokenizer files alone, one for every format. */
const TOKENIZERS = [
  ['llama2', 'llama2'],
  ['internlm2', 'internlm2'],
  ['mistral-v1', 'mistral-v1'],
] as const;

describeWithFixtures('pagemind encode', 'fixtures/tokenizers', (tokenizers) => {
  const goldens = JSON.parse(readFileSync(`${tokenizers}/../golden-tokenization/sentencepiece.json`, 'utf8'));
  const texts = join(folder, 'texts.json');
  writeFileSync(texts, JSON.stringify(goldens.inputs));

  it.each(TOKENIZERS)('prints the ids and texts of the goldens: %s', async (name, golden) => {
    const { code, stdout, stderr } = await pagemind('encode', `${tokenizers}/${name}`, `@${texts}`, '--json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ids: goldens.ids_no_bos[golden], decoded: goldens.decoded[golden] });
  });

  it('reads ranks of tiktoken, and a text from the command line', async () => {
    const { code, stdout } = await pagemind('encode', `${tokenizers}/qwen`, 'Hello, world!<|im_end|>');
    expect([code, stdout]).toEqual([0, '9707 11 1879 0 151645\n']);
  });

  it('adds special tokens when it is told to', async () => {
    const { stdout } = await pagemind('encode', `${tokenizers}/llama2`, 'Hello', '--add-special-tokens', '--json');
    expect(JSON.parse(stdout)).toEqual({ ids: [[1, 15043]], decoded: ['<s> Hello'] });
  });

  it.each([
    [['encode', folder], 2, /a model and a text/],
    [['encode', folder, 'x'], 1, /no tokenizer.*tokenizer\.model.*\(file_missing\)$/],
    [['encode', `${tokenizers}/llama2`, '@/nowhere.json'], 2, /nowhere\.json cannot be read/],
    [['encode', `${tokenizers}/llama2`, `@${BIN}`], 2, /JSON list of texts/],
  ])('answers %j with one clear line', async (args, code, line) => {
    const outcome = await pagemind(...args);
    expect(outcome.code).toBe(code);
    expect(complaint(outcome)).toMatch(line);
  });
});

describeWithFixtures('pagemind with a GGUF file', 'goldens/llama-gguf-q40/model.gguf', (model) => {
  it('generates the ids of the reference', async () => {
    const golden = readTensors(readFileSync(join(model, '../golden.safetensors')));
    const ids = idsOf(golden, 'input_ids').join(',');
    const limit = ['--max-new-tokens', '24', '--ignore-eos', '--max-batch-size', '1', '--session-len', '128'];
    const { code, stdout, stderr } = await pagemind('generate', model, '--input-ids', ids, ...limit, '--json');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).token_ids).toEqual(idsOf(golden, 'greedy_ids'));
  });
});

describeWithFixtures('pagemind with a model', MODEL, (model) => {
  it('generates JSON that agrees with the goldens', async () => {
    const golden = JSON.parse(readFileSync(`${model}/golden.json`, 'utf8'));
    const { prompt, input_ids, greedy_ids } = golden.prompts[0];
    const { code, stdout } = await pagemind(
      'generate',
      model,
      '--prompt',
      prompt,
      '--raw',
      '--max-new-tokens',
      '24',
      '--json',
      '--logprobs',
      '1',
    );
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.token_ids).toEqual(greedy_ids.slice(0, 24));
    // Greedily each token is the most probable one.
    expect(result.logprobs.map(({ top }: { top: { id: number }[] }) => top[0]?.id)).toEqual(result.token_ids);
    expect(golden.prompts[0].greedy_text).toContain(result.text.trim().slice(0, 40));
    expect(result).toMatchObject({
      finish_reason: 'length',
      usage: { prompt_tokens: input_ids.length, completion_tokens: 24 },
      stats: { timeToFirstTokenMs: expect.any(Number) },
    });
  });

  it('writes the same logits through prefill and decode', async () => {
    const ids = join(folder, 'ids.json');
    writeFileSync(ids, '[1, 80, 147, 201, 282, 57]');
    const read = async (name: string, ...args: string[]) => {
      const out = join(folder, name);
      const outcome = await pagemind('logits', model, '--input-ids', `@${ids}`, ...args, '--out', out);
      expect(outcome.code, outcome.stderr).toBe(0);
      return readTensors(readFileSync(out)).get('logits');
    };
    const prefill = await read('prefill.safetensors');
    const decode = await read('decode.safetensors', '--decode-from', '2');
    expect(prefill?.shape).toEqual([6, 2048]);
    expect(decode?.shape).toEqual([6, 2048]);
    const other = Array.from(decode?.values ?? []);
    const differences = Array.from(prefill?.values ?? [], (value, i) => Math.abs(value - (other[i] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(1e-3);
  });

  it('chats from standard input and leaves at its end', async () => {
    const child = execFile(process.execPath, [BIN, 'chat', model, '--max-new-tokens', '8']);
    let output = '';
    child.stdout?.on('data', (text) => {
      output += text;
    });
    child.stdin?.end('/image cat.png\nOnce upon a time\n\nexit\n');
    const code = await new Promise((resolve) => child.on('exit', resolve));
    expect(code).toBe(0);
    expect(output).toContain('(this model does not take images)');
    expect(output.length).toBeGreaterThan(60);
  });

  it('counts what a step costs', async () => {
    const { code, stdout } = await pagemind('bench', model, '--prompt-tokens', '16', '--new-tokens', '40', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.gpuObjectsPerStep).toBe(0);
    expect(report.dispatchesPerStep).toBeLessThanOrEqual(6 * 2 + 4);
    expect(report.submitsPerStep).toBeLessThanOrEqual(1);
    expect(report.readbackBytesPerToken).toBeLessThanOrEqual(64);
    for (const name of ['decodeTokensPerSecond', 'prefillTokensPerSecond', 'probeBandwidth', 'fractionOfProbe']) {
      expect(report[name], name).toBeGreaterThan(0);
    }
  });

  it('says that the model takes no images', async () => {
    const image = 'data:image/png;base64,AAAA';
    const outcome = await pagemind('generate', model, '--prompt', 'x', '--raw', '--image', image);
    expect(outcome.code).toBe(1);
    expect(complaint(outcome)).toMatch(/does not take images.*\(invalid_request\)$/);
  });

  it('refuses a wrong option value with its name', async () => {
    const outcome = await pagemind('generate', model, '--prompt', 'x', '--quantize', 'int3');
    expect(outcome.code).toBe(1);
    expect(complaint(outcome)).toMatch(/quantize.*int4-g32.*\(invalid_option\)$/);
  });
});

describeWithFixtures('pagemind with a model that sees', 'goldens/llava', (model) => {
  const golden = readTensors(readFileSync(`${model}/golden.safetensors`));
  const prompt = idsOf(golden, 'input_ids');
  const greedy = idsOf(golden, 'greedy_ids');

  it('writes the logits of the goldens for their pixel values', async () => {
    const out = join(folder, 'seen.safetensors');
    const outcome = await pagemind(
      'logits',
      model,
      '--input-ids',
      [...prompt, ...greedy].join(','),
      '--pixel-values',
      `${model}/golden.safetensors`,
      '--decode-from',
      `${prompt.length}`,
      '--out',
      out,
    );
    expect(outcome.code, outcome.stderr).toBe(0);
    const logits = floatsOf(readTensors(readFileSync(out)), 'logits');
    const wanted = Float32Array.of(...floatsOf(golden, 'logits'), ...floatsOf(golden, 'forced_logits'));
    expect(errorOf(logits, wanted)).toBeLessThan(GOLDEN_TOLERANCE);
  });

  it('generates the ids of the goldens from the picture', async () => {
    const { code, stdout, stderr } = await pagemind(
      'generate',
      model,
      '--input-ids',
      prompt.join(','),
      '--image',
      `${model}/image.png`,
      '--dtype',
      'float32',
      '--temperature',
      '0',
      '--ignore-eos',
      '--max-new-tokens',
      `${greedy.length}`,
      '--json',
    );
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).token_ids).toEqual(greedy);
  });
});
