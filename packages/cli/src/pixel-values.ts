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
 * into tiles; and, if they are there, `high_res_pixel_values` of a second tower, of as many tiles, and `image_sizes` i32 or i64
 * `[numImages, 2]`, height and width of the originals. Or patches, `[numPatches, width]`, with `image_grid_thw` i32 or i64 `[numImages, 3]`: frames, lines and columns of each image.
 * @throws PagemindError `file_malformed`; UsageError when there is no such file.
 */
export async function readPixelValues(path: string): Promise<readonly PixelValues[]> {
  const names = ['pixel_values', 'high_res_pixel_values', 'image_sizes', 'image_grid_thw'] as const;
  const tensors = await readTensors(path, names);
  const { pixel_values: pixels, high_res_pixel_values: highRes, image_sizes: sizes, image_grid_thw: grids } = tensors;
  if (!pixels) throw malformed(path, 'has no tensor pixel_values', 'Store them under this name.');
  if (grids) return readPatches(path, pixels, grids);
  const { numImages, numTiles } = readShape(path, 'pixel_values', pixels);
  const more = highRes && readShape(path, 'high_res_pixel_values', highRes);
  if (more && (more.numImages !== numImages || more.numTiles !== numTiles)) {
    throw malformed(path, 'has high_res_pixel_values of other tiles', 'A second tower sees the tiles of pixel_values.');
  }
  const sides = sizes && readSizes(path, sizes, numImages);
  const ofImage = ({ data }: Tensor, i: number): Float32Array<ArrayBuffer> => {
    const values = new Float32Array(data);
    const perImage = values.length / numImages;
    return values.slice(i * perImage, (i + 1) * perImage);
  };
  return Array.from({ length: numImages }, (_, i) => ({
    kind: 'pixel_values',
    values: ofImage(pixels, i),
    ...(highRes && { highRes: ofImage(highRes, i) }),
    numTiles,
    ...(sides && { originalSize: { height: sides[2 * i] ?? 0, width: sides[2 * i + 1] ?? 0 } }),
  }));
}

function readPatches(path: string, pixels: Tensor, grids: Tensor): readonly PixelValues[] {
  const values = pixels.dtype === 'F32' ? new Float32Array(pixels.data) : new Float32Array();
  const [numPatches = 0, width = 0] = pixels.shape;
  const sides = wholeNumbers(grids);
  const images = Array.from({ length: sides.length / 3 }, (_, i) => sides.slice(3 * i, 3 * i + 3));
  const isEach = images.every(([frames = 0, rows = 0, cols = 0]) => frames === 1 && rows > 0 && cols > 0);
  const numAll = images.reduce((sum, [, rows = 0, cols = 0]) => sum + rows * cols, 0);
  const areShapes = pixels.shape.length === 2 && grids.shape.length === 2 && grids.shape[1] === 3;
  if (!areShapes || !isEach || numAll !== numPatches || values.length === 0) {
    throw malformed(
      path,
      `has pixel_values ${pixels.dtype} [${pixels.shape.join(', ')}] for image_grid_thw [${sides.slice(0, 9).join(', ')}]`,
      'They must be F32 [patches, width], as many patches as the grids of one frame have, in I32 or I64 [images, 3].',
    );
  }
  let end = 0;
  return images.map(([, rows = 0, cols = 0]) => {
    const start = end;
    end += rows * cols * width;
    return { kind: 'pixel_values', values: values.slice(start, end), numTiles: 1, patches: { rows, cols } };
  });
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

function readShape(
  path: string,
  name: string,
  { dtype, shape, data }: Tensor,
): { numImages: number; numTiles: number } {
  const [numImages = 0, numTiles = 0, channels, height, width] =
    shape.length === 4 ? [shape[0], 1, ...shape.slice(1)] : shape;
  const isTiles = shape.length <= 5 && channels === 3 && height === width && data.byteLength > 0;
  if (dtype === 'F32' && isTiles) return { numImages, numTiles };
  throw malformed(
    path,
    `has ${name} ${dtype} [${shape.join(', ')}]`,
    'They must be F32 [images, 3, side, side] or [images, tiles, 3, side, side].',
  );
}

/** Height and width of each image in turn. */
function readSizes(path: string, tensor: Tensor, numImages: number): readonly number[] {
  const { dtype, shape } = tensor;
  const sides = wholeNumbers(tensor);
  const isOfImages = shape.length === 2 && shape[1] === 2 && sides.length === 2 * numImages;
  if (isOfImages && sides.every((side) => side > 0)) return sides;
  throw malformed(
    path,
    `has image_sizes ${dtype} [${shape.join(', ')}]`,
    `They must be I32 or I64 [${numImages}, 2], height and width above 0.`,
  );
}

/** The numbers of an I32 or I64 tensor; none of another. */
function wholeNumbers({ dtype, data }: Tensor): readonly number[] {
  if (dtype === 'I64') return Array.from(new BigInt64Array(data), Number);
  return dtype === 'I32' ? [...new Int32Array(data)] : [];
}

function malformed(path: string, what: string, hint: string): PagemindError {
  return new PagemindError('file_malformed', `${path} ${what}.`, { hint });
}
