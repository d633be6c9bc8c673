// Reads small safetensors files for tests, whole. The library's own reader, which streams and checks, is in load/.

export interface TensorValues {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/** F32 and I32 tensors of a file by name. */
export function readTensors(file: Uint8Array): ReadonlyMap<string, TensorValues> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerEnd = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, headerEnd))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, TensorValues>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [start, end] = data_offsets;
    const bytes = Uint8Array.from(file.subarray(headerEnd + start, headerEnd + end)).buffer;
    tensors.set(name, { shape, values: dtype === 'F32' ? new Float32Array(bytes) : new Int32Array(bytes) });
  }
  return tensors;
}
