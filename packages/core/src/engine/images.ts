// Where the rows of images stand among the ids of a prompt. What an image is made of is decided before, by what reads it;
// nothing is decoded or encoded here.
import { PagemindError } from '../errors.js';
import type { ImageInput } from '../image/image.js';
import type { ImageBounds } from '../models/vlm/vlm-config.js';
import type { ImageSpan, RunnerImage } from '../runner/runner.js';
import type { ContentPart, PixelValues, Prompt, PromptImage } from './core.js';

/** An image that was read for a model. */
export interface PreparedImage extends RunnerImage {
  /**
   * What the marker of this image becomes in a prompt.
   * @param number of the image in the prompt, from 1 on
   */
  promptText(marker: string, number: number): string;
}

/** What turns images into what a model's tower takes. */
export interface ImageReader {
  /** Stands for one row of an image among the ids. */
  readonly imageTokenId: number;
  /** Missing: no other id does. */
  readonly imageBounds?: ImageBounds;
  /** Its settings: readers that say the same make the same of an image. */
  readonly processor: string;
  /**
   * @param numImages of the same prompt: some families look at one more closely than at each of several
   * @throws PagemindError `invalid_image`, `image_too_large`, `source_unreachable`, `unsupported_format`, …
   */
  read(image: ImageInput | PixelValues, numImages: number, signal: AbortSignal | undefined): Promise<PreparedImage>;
}

/** The images of a prompt, in order. */
export function imagesOf(prompt: Prompt): readonly PromptImage[] {
  if (prompt.kind !== 'messages') return prompt.images ?? [];
  const parts = prompt.messages.flatMap(({ content }): readonly ContentPart[] =>
    typeof content === 'string' ? [] : content,
  );
  return parts.flatMap((part) => (part.type === 'image' ? [part.image] : []));
}

/**
 * Reads all images of a prompt.
 * @param maxRows rows of the largest image that the runner takes
 * @throws PagemindError `invalid_request` when the model takes no images; what {@link ImageReader.read} throws.
 */
export async function prepareImages(
  images: readonly PromptImage[],
  reader: ImageReader | undefined,
  maxRows: number,
  signal: AbortSignal | undefined,
): Promise<readonly PreparedImage[]> {
  if (!reader) {
    throw new PagemindError('invalid_request', 'This model does not take images.', {
      hint: 'Leave image parts out, or load a vision-language model.',
    });
  }
  const prepared: PreparedImage[] = [];
  // One after the other: each takes the memory of its pixels.
  for (const image of images) {
    const each = await reader.read(image, images.length, signal);
    if (each.placement.numRows > maxRows) {
      throw new PagemindError(
        'image_too_large',
        `An image takes ${each.placement.numRows} rows; the encoder's cache holds ${maxRows}.`,
        { hint: 'Make the image smaller, or load the model with a larger imageCacheBytes.' },
      );
    }
    prepared.push(each);
  }
  return prepared;
}

/** The ids with the image token wherever a row stands between bounds. */
export function markRows(ids: readonly number[], imageTokenId: number, { startId, endId }: ImageBounds): number[] {
  let isRow = false;
  return ids.map((id) => {
    if (id === endId) isRow = false;
    const marked = isRow ? imageTokenId : id;
    if (id === startId) isRow = true;
    return marked;
  });
}

/**
 * The spans of ids that stand for images: image tokens in order, as many as the images have rows.
 * @throws PagemindError `invalid_request` when the numbers differ.
 */
export function placeImages(
  ids: readonly number[],
  imageTokenId: number,
  images: readonly RunnerImage[],
): readonly ImageSpan[] {
  const spans: ImageSpan[] = [];
  const positions = ids.flatMap((id, position) => (id === imageTokenId ? [position] : []));
  const numRows = images.reduce((sum, { placement }) => sum + placement.numRows, 0);
  if (positions.length !== numRows) {
    throw new PagemindError(
      'invalid_request',
      `The prompt has ${positions.length} image tokens; its images have ${numRows} rows.`,
      { hint: `Every row of an image needs one token ${imageTokenId} in the prompt, and text must not contain it.` },
    );
  }
  let next = 0;
  for (const image of images) {
    for (let row = 0; row < image.placement.numRows; ) {
      const firstToken = positions[next] ?? 0;
      let count = 1;
      while (row + count < image.placement.numRows && positions[next + count] === firstToken + count) count++;
      spans.push({ image, firstFeature: row, firstToken, numRows: count });
      row += count;
      next += count;
    }
  }
  return spans;
}

/** The parts of spans that lie in tokens `start` to `end`, counted from `start`. */
export function clipSpans(spans: readonly ImageSpan[], start: number, end: number): readonly ImageSpan[] {
  return spans.flatMap((span) => {
    const first = Math.max(span.firstToken, start);
    const numRows = Math.min(span.firstToken + span.numRows, end) - first;
    if (numRows <= 0) return [];
    return [{ ...span, firstFeature: span.firstFeature + first - span.firstToken, firstToken: first - start, numRows }];
  });
}
