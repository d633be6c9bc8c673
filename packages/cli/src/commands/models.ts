// `pagemind pull`, `list`, `rm` and `export`: models of hubs in the cache. Commands that run a model fetch it by themselves.
import {
  type CachedModel,
  deleteCached,
  downloadModel,
  exportModel,
  listCached,
  listFamilies,
} from '@pagemind/core/node';
import { CACHE_OPTIONS, HUB_OPTIONS, hubOptions, readArguments } from '../arguments.js';
import { showProgress } from '../progress.js';
import { UsageError } from '../usage.js';

const NAME_ONE = 'Name one model, as in Qwen/Qwen2.5-0.5B-Instruct.';

export async function pull(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, HUB_OPTIONS, 1, NAME_ONE);
  const [id = ''] = positionals;
  const { onProgress, end } = showProgress();
  const options = hubOptions(values);
  await downloadModel(id, { ...options, onProgress }).finally(end);
  const model = (await listCached(options)).find((one) => one.id === id);
  process.stdout.write(`${id} is in the cache: ${model ? describe(model) : ''}\n`);
}

export async function list(args: readonly string[]): Promise<void> {
  const options = { ...CACHE_OPTIONS, json: { type: 'boolean' }, families: { type: 'boolean' } } as const;
  const { values } = readArguments(args, options, 0);
  if (values['families'] === true) {
    process.stdout.write(values['json'] === true ? `${JSON.stringify(listFamilies())}\n` : familyLines());
    return;
  }
  const models = await listCached(hubOptions(values));
  const width = Math.max(...models.map(({ id }) => id.length), 0);
  const lines = models.map((model) => `${model.id.padEnd(width)}  ${describe(model)}\n`);
  process.stdout.write(values['json'] === true ? `${JSON.stringify(models)}\n` : lines.join(''));
}

export async function rm(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, CACHE_OPTIONS, 1, NAME_ONE);
  const [id = ''] = positionals;
  const options = hubOptions(values);
  if (!(await listCached(options)).some((model) => model.id === id)) throw new UsageError(`${id} is not in the cache.`);
  await deleteCached(id, options);
}

export async function exportTo(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, CACHE_OPTIONS, 2, 'Name a model and a folder to write.');
  const [id = '', out = ''] = positionals;
  await exportModel(id, out, hubOptions(values));
}

/** Families and their architectures; below, an example and its weights at INT4. */
function familyLines(): string {
  return listFamilies()
    .map(({ family, architectures, takesImages, example }) => {
      const smallest = example && `  ${example.model}: ${megabytes(example.weightBytes)} at INT4\n`;
      return `${family}${takesImages ? ' (images)' : ''}: ${architectures.join(', ')}\n${smallest ?? ''}`;
    })
    .join('');
}

function describe({ revision, commit, cachedBytes, totalBytes, packedBytes, isComplete }: CachedModel): string {
  const bytes = isComplete ? megabytes(totalBytes) : `${megabytes(cachedBytes)} of ${megabytes(totalBytes)}`;
  const packed = packedBytes > 0 ? `+ ${megabytes(packedBytes)} packed` : undefined;
  return [bytes, packed, revision ?? 'main', commit?.slice(0, 12)].filter((part) => part !== undefined).join('  ');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
