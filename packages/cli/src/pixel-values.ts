// Images that a processor has made ready, from a safetensors file that may hold anything. Whether a model takes them, the
// library finds out.
import { readFile } from 'node:fs/promises';
import { PagemindError, type PixelValues, readSafetensorsHeader, type TensorLocation } from '@pagemind/core/node';
import { orMistake } from './arguments.js';

/** A tensor that was read: where it lay, and its bytes. */
interface Tensor extends Pick<TensorLocation, 'dtype' | 'shape'> {
  readonly data: ArrayBuffer;
}

/**
 * Reads `pixel_values` f32 `[numImages, 3, side, side]`, or `[numImages, numTiles, 3, side, side]` where images are cut
 * into tiles; and, if it is there, `image_sizes` i32 or i64 `[numImages, 2]`, height and width of the originals.
 * @throws PagemindError `file_malformed`; UsageError when there is no such file.
 */
export async function readPixelValues(path: string): Promise<readonly PixelValues[]> {
  const { pixel_values: pixels, image_sizes: sizes } = await readTensors(path, ['pixel_values', 'image_sizes']);
  if (!pixels) throw malformed(path, 'has no tensor pixel_values', 'Store them under this name.');
  const { numImages, numTiles } = readShape(path, pixels);
  const sides = sizes && readSizes(path, sizes, numImages);
  const values = new Float32Array(pixels.data);
  const perImage = values.length / numImages;
  return Array.from({ length: numImages }, (_, i) => ({
    kind: 'pixel_values',
    values: values.slice(i * perImage, (i + 1) * perImage),
    numTiles,
    ...(sides && { originalSize: { height: sides[2 * i] ?? 0, width: sides[2 * i + 1] ?? 0 } }),
  }));
}

async function readTensors<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<{ readonly [N in Name]?: Tensor }> {
  const bytes = new Uint8Array(await orMistake(path, readFile(path)));
  const read = async (start: number, length: number) => bytes.slice(start, start + length);
  const { tensors } = await readSafetensorsHeader({ size: bytes.length, read }, path);
  const found = names.flatMap((name) => {
    const location = tensors.get(name);
    if (!location) return [];
    const { dtype, shape, offset, length } = location;
    return [[name, { dtype, shape, data: bytes.buffer.slice(offset, offset + length) }]];
  });
  return Object.fromEntries(found);
}

function readShape(path: string, { dtype, shape, data }: Tensor): { numImages: number; numTiles: number } {
  const [numImages = 0, numTiles = 0, channels, height, width] =
    shape.length === 4 ? [shape[0], 1, ...shape.slice(1)] : shape;
  const isTiles = shape.length <= 5 && channels === 3 && height === width && data.byteLength > 0;
  if (dtype === 'F32' && isTiles) return { numImages, numTiles };
  throw malformed(
    path,
    `has pixel_values ${dtype} [${shape.join(', ')}]`,
    'They must be F32 [images, 3, side, side] or [images, tiles, 3, side, side].',
  );
}

/** Height and width of each image in turn. */
function readSizes(path: string, { dtype, shape, data }: Tensor, numImages: number): readonly number[] {
  const sides =
    dtype === 'I64' ? Array.from(new BigInt64Array(data), Number) : dtype === 'I32' ? [...new Int32Array(data)] : [];
  const isOfImages = shape.length === 2 && shape[1] === 2 && sides.length === 2 * numImages;
  if (isOfImages && sides.every((side) => side > 0)) return sides;
  throw malformed(
    path,
    `has image_sizes ${dtype} [${shape.join(', ')}]`,
    `They must be I32 or I64 [${numImages}, 2], height and width above 0.`,
  );
}

function malformed(path: string, what: string, hint: string): PagemindError {
  return new PagemindError('file_malformed', `${path} ${what}.`, { hint });
}
