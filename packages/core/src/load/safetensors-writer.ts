// Writes safetensors files: the header of any, and small files in one piece, such as logits for a comparison.
import type { SafetensorsDtype } from './safetensors.js';

/** A tensor to be written: raw little-endian bytes. */
export interface TensorData {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A tensor of a header; its bytes follow those of the tensor before. */
export interface TensorEntryData {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Bytes. */
  readonly length: number;
}

/** All that comes before the data of a file, a multiple of 8 bytes. */
export function safetensorsHeader(
  tensors: readonly TensorEntryData[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let end = 0;
  for (const { name, dtype, shape, length } of tensors) {
    entries[name] = { dtype, shape, data_offsets: [end, end + length] };
    end += length;
  }
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20); // padded with spaces
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);
  return header;
}

/** Lays tensors out as a safetensors file, in the given order. For small files: it is made in one piece. */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tensors).map(([name, tensor]) => ({ ...tensor, name, length: tensor.data.length }));
  const header = safetensorsHeader(entries, metadata);
  const file = new Uint8Array(entries.reduce((sum, { length }) => sum + length, header.length));
  file.set(header);
  let at = header.length;
  for (const { data, length } of entries) {
    file.set(data, at);
    at += length;
  }
  return file;
}
