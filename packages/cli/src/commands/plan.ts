// `pagemind plan`: what a model will take here, before its weights are read.
import { type EnginePlan, planModel } from '@pagemind/core/node';
import { engineOptions, MODEL_OPTIONS, readArguments } from '../arguments.js';

export async function plan(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, { ...MODEL_OPTIONS, json: { type: 'boolean' } }, 1);
  const planned = await planModel({ ...engineOptions(values), model: positionals[0] ?? '' });
  process.stdout.write(values['json'] === true ? `${JSON.stringify(planned, null, 2)}\n` : table(planned));
}

function table({ memory, downloadBytes, ...plan }: EnginePlan): string {
  const { numBlocks, blockSize, kvDtype, sessionLen, maxBatchSize } = plan;
  const lines = [
    ['model', `${plan.model} (${plan.architecture})`],
    ['read', megabytes(downloadBytes)],
    ['weights', megabytes(memory.weightBytes)],
    ['KV cache', `${megabytes(memory.kvBytes)}: ${numBlocks} blocks of ${blockSize} tokens in ${kvDtype}`],
    ['activations', megabytes(memory.activationBytes)],
    ['images', megabytes(memory.imageBytes)],
    ['in all', `${megabytes(memory.totalBytes)} of ${megabytes(memory.budgetBytes)}`],
    ['sessions', `${maxBatchSize} at once, of ${sessionLen} tokens at most`],
  ];
  return lines.map(([name = '', value = '']) => `${name.padEnd(12)} ${value}\n`).join('');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
