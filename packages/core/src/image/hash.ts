// Names images by their content, so that the same picture is recognised whatever its file was called.
import type { RgbImage } from './image.js';

/** SHA-256 over width, height (32 bits each, little-endian) and the SHA-256 of the pixels, in hexadecimal. */
export async function hashImage({ width, height, data }: RgbImage): Promise<string> {
  // In two steps: the pixels are large, and would have to be copied to stand behind the size.
  const all = new Uint8Array(8 + 32);
  const view = new DataView(all.buffer);
  view.setUint32(0, width, true);
  view.setUint32(4, height, true);
  all.set(await digest(data), 8);
  return hex(await digest(all));
}

/** SHA-256 of pixel values as they lie in memory, in hexadecimal. */
export async function hashPixelValues(values: Float32Array<ArrayBuffer>): Promise<string> {
  return hex(await digest(values));
}

async function digest(values: ArrayBufferView<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', values));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
