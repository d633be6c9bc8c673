// Names everything that keys and values depend on beside the tokens: whoever has the same name may read them. Decides
// nothing; assemble.ts knows what there is to name.
import { digest } from '@pagemind/kernels-wgsl';
import type { GpuContext } from '../gpu/context.js';
import { readBuffer } from '../gpu/read-buffer.js';
import { BufferUsage } from '../gpu/usage.js';
import { sha256 } from '../load/sha256.js';
import type { LoadedWeights } from '../load/weight-loader.js';

/** To be counted up when kernels or the layout of a page change what equal names would stand for. */
const VERSION = 1;

const NUM_WORKGROUPS = 64;
const MAX_LANES = 256;

/**
 * SHA-256 over the weights as they lie on this device, the device, and `facts`, in hexadecimal. Reads all weights once, on
 * the GPU.
 * @param facts plain data: the model's configuration and the numbers it is computed in
 * @throws PagemindError `device_lost`, `gpu_error`.
 */
export async function kvOrigin(gpu: GpuContext, weights: LoadedWeights, facts: unknown): Promise<string> {
  const buffers = weightBuffers(weights);
  const sizes = buffers.map(({ name, buffer }) => [name, buffer.size]);
  const contents = await fingerprintOf(
    gpu,
    buffers.map(({ buffer }) => buffer),
  );
  const all = JSON.stringify({ version: VERSION, facts, profile: gpu.profile, sizes, contents });
  return sha256(new TextEncoder().encode(all));
}

/** In order of their names. */
function weightBuffers({ matrices, vectors }: LoadedWeights): { name: string; buffer: GPUBuffer }[] {
  const planes = Array.from(matrices, ([name, matrix]) =>
    Object.entries(matrix.planes).map(([plane, buffer]) => ({ name: `${name}/${plane}`, buffer })),
  );
  const all = [...planes.flat(), ...Array.from(vectors, ([name, { buffer }]) => ({ name, buffer }))];
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function fingerprintOf(gpu: GpuContext, buffers: readonly GPUBuffer[]): Promise<string> {
  const bytes = new Uint8Array(NUM_WORKGROUPS * MAX_LANES * 16);
  const states = gpu.create('fingerprint', bytes.length);
  const staging = gpu.create('fingerprint', bytes.length, BufferUsage.mapRead | BufferUsage.copyDst);
  try {
    const plan = digest.plan({ numWorkgroups: NUM_WORKGROUPS }, gpu.profile);
    await gpu.compile([plan]);
    gpu.submit(buffers.map((data) => gpu.launch(plan, { data, states })));
    await readBuffer(gpu, staging, states, 0, bytes);
    return sha256(bytes);
  } finally {
    gpu.release(states, staging);
  }
}
