// `pagemind logits`: the logits of every position of given ids, for comparing with other implementations.
import { writeFile } from 'node:fs/promises';
import { type PromptImage, writeSafetensors } from '@pagemind/core/node';
import { engineOptions, MODEL_OPTIONS, numberOf, readArguments, readIds, stringOf, type Values } from '../arguments.js';
import { IMAGE_OPTIONS, readImages } from '../images.js';
import { withEngine } from '../open-engine.js';
import { readPixelValues } from '../pixel-values.js';
import { UsageError } from '../usage.js';

const OPTIONS = {
  ...MODEL_OPTIONS,
  ...IMAGE_OPTIONS,
  'pixel-values': { type: 'string' },
  'input-ids': { type: 'string' },
  'decode-from': { type: 'string' },
  out: { type: 'string' },
} as const;

export async function logits(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const given = stringOf(values, 'input-ids');
  const out = stringOf(values, 'out');
  if (given === undefined) throw new UsageError('Give --input-ids.');
  if (out === undefined) throw new UsageError('Give --out FILE.safetensors.');
  const ids = await readIds(given);
  const images = await imagesOf(values);
  const decodeFrom = numberOf(values, 'decode-from');
  const options = { dtype: 'float32', sessionLen: ids.length, ...engineOptions(values) } as const;
  await withEngine(positionals[0] ?? '', options, async (engine) => {
    const data = await engine.logits(ids, { images, ...(decodeFrom !== undefined && { decodeFrom }) });
    const shape = [ids.length, engine.info.vocabSize];
    await writeFile(
      out,
      writeSafetensors({
        logits: { dtype: 'F32', shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
      }),
    );
  });
}

async function imagesOf(values: Values): Promise<readonly PromptImage[]> {
  const path = stringOf(values, 'pixel-values');
  if (path === undefined) return readImages(values);
  if (values['image'] !== undefined) throw new UsageError('Give --image or --pixel-values, not both.');
  return readPixelValues(path);
}
