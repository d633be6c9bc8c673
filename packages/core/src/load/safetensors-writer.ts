// Writes small safetensors files, such as logits for a comparison. Made in one piece: not for checkpoints.
import type { SafetensorsDtype } from './safetensors.js';

/** A tensor to be written: raw little-endian bytes. */
export interface TensorData {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Lays tensors out as a safetensors file, in the given order. For small files: it is made in one piece. */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    end += data.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const dataStart = 8 + Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(dataStart + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  file.fill(0x20, 8, dataStart); // the header is padded with spaces
  file.set(json, 8);
  let at = dataStart;
  for (const { data } of Object.values(tensors)) {
    file.set(data, at);
    at += data.length;
  }
  return file;
}
