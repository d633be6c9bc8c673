// `pagemind convert`: packs a checkpoint once, into a folder that loads without any work.
import { readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConvertSummary, convertModel } from '@pagemind/core/node';
import {
  HUB_OPTIONS,
  hubOptions,
  QUANTIZE_OPTIONS,
  quantizeOptions,
  readArguments,
  stringOf,
  type Values,
} from '../arguments.js';
import { showProgress } from '../progress.js';
import { UsageError } from '../usage.js';

const OPTIONS = {
  ...HUB_OPTIONS,
  ...QUANTIZE_OPTIONS,
  'group-size': { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export async function convert(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 2);
  const [model = '', out = ''] = positionals;
  if ((await namesIn(out)).length > 0 && values['force'] !== true) {
    throw new UsageError(`${out} is not empty. Give --force to replace the checkpoint in it.`);
  }
  const places = await Promise.all([model, out].map((folder) => realpath(folder).catch(() => undefined)));
  if (places[0] !== undefined && places[0] === places[1]) {
    throw new UsageError('A model cannot be converted into its own folder.');
  }
  const { onProgress, end } = showProgress();
  const options = { ...hubOptions(values), ...formats(values), onProgress };
  const summary = await convertModel(model, out, options).finally(end);
  await removeOldWeights(out, summary);
  process.stdout.write(values['json'] === true ? `${JSON.stringify(summary)}\n` : `${lines(summary, out)}\n`);
}

/** `--group-size N` is short for `--quantize int4-gN`. */
function formats(values: Values): ReturnType<typeof quantizeOptions> {
  const groupSize = stringOf(values, 'group-size');
  const options = quantizeOptions(values);
  if (groupSize === undefined) return options;
  if (options.quantize !== undefined) throw new UsageError('Give --quantize or --group-size, not both.');
  return { ...options, quantize: `int4-g${groupSize}` };
}

/** Names in a folder; none when there is no folder. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UsageError(`${folder} cannot be written to: ${(cause as Error).message}.`);
  }
}

/** Weights of the checkpoint that was replaced would be found beside the new ones. */
async function removeOldWeights(out: string, { files }: ConvertSummary): Promise<void> {
  const written = new Set(files.map(({ path }) => path));
  for (const name of await namesIn(out)) {
    if (/^model.*\.safetensors(\.index\.json)?$/.test(name) && !written.has(name)) await rm(join(out, name));
  }
}

function lines({ sourceBytes, weightBytes, totalBytes, files }: ConvertSummary, out: string): string {
  const numShards = files.filter(({ path }) => path.endsWith('.safetensors')).length;
  return [
    `weights  ${megabytes(sourceBytes)} → ${megabytes(weightBytes)} in ${numShards} file${numShards === 1 ? '' : 's'}`,
    `in all   ${megabytes(totalBytes)} in ${files.length} files`,
    `written  ${out}`,
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 2 : 0)} MB`;
}
