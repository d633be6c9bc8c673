// What a person let fall onto the page, and whether it is a picture or a model. Getting at the files is text/dropped.ts.
import type { ModelChoice } from './catalog.js';

export interface Dropped {
  /** A folder, which can only be a model. */
  readonly folder?: ModelChoice;
  readonly files: readonly File[];
}

const IMAGE_ROW = /\.(png|jpe?g|gif|webp|bmp|avif|heic|heif|tiff?|svg|ico)$/i;
const MODEL = /\.(json|safetensors|gguf|jinja|model|txt|bin|pth)$/i;

export function isPicture({ name, type }: Pick<File, 'name' | 'type'>): boolean {
  return type.startsWith('image/') || IMAGE_ROW.test(name);
}

/**
 * Whether files are meant as pictures. Where the model sees, whatever is no part of a model is: that it cannot be read
 * is then said without the loaded model being given up.
 */
export function isForPicture(files: readonly Pick<File, 'name' | 'type'>[], takesPictures: boolean): boolean {
  if (files.some(({ name }) => MODEL.test(name))) return false;
  return takesPictures || files.some(isPicture);
}
