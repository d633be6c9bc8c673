// Uploads raw rows of a checkpoint and packs them on the device with the pack kernel. Where rows come from is
// weight-loader.ts; no number is converted in JavaScript.
import { PACK_PARAMS_BYTES, pack, packParams } from '@pagemind/kernels-wgsl';
import { invariant } from '../errors.js';
import type { WeightBuffers } from './weight-buffers.js';
import type { WeightPlan, WeightWindow } from './weight-plan.js';
import type { WindowRead } from './weight-windows.js';

export class WeightPacker {
  readonly #buffers: WeightBuffers;
  readonly #reads: WeightPlan['reads'];
  #staging: { readonly source: GPUBuffer; readonly params: GPUBuffer } | undefined;

  constructor(buffers: WeightBuffers, { reads }: WeightPlan) {
    this.#buffers = buffers;
    this.#reads = reads;
  }

  /** Makes what packing needs beside the weights, and compiles it. */
  async prepare(): Promise<void> {
    const { gpu } = this.#buffers;
    this.#staging = {
      source: await this.#buffers.allocate('load.source', Math.max(0, ...this.#reads.map(({ length }) => length))),
      params: await this.#buffers.allocate('load.params', PACK_PARAMS_BYTES),
    };
    await gpu.compile(this.#reads.flatMap(({ windows }) => windows.map(({ shape }) => pack.plan(shape, gpu.profile))));
  }

  /** Submits the packing of a read; `bytes` may be dropped when it returns. */
  async upload({ windows }: WindowRead<WeightWindow>, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { gpu } = this.#buffers;
    const staging = this.#staging;
    invariant(staging, 'prepare comes before upload');
    await this.#buffers.submit(() => {
      writeBytes(gpu.queue, staging.source, bytes);
      for (const { weight, shape } of windows) {
        gpu.queue.writeBuffer(staging.params, 0, packParams(shape));
        gpu.submit([gpu.launch(pack.plan(shape, gpu.profile), { ...this.#buffers.of(weight), ...staging })]);
      }
    });
  }

  /** Frees what only packing needs; everything must be uploaded. */
  finish(): void {
    if (this.#staging) this.#buffers.gpu.release(...Object.values(this.#staging));
    this.#staging = undefined;
  }
}

/** Writes bytes of any length; the queue takes whole words only. */
function writeBytes(queue: GPUQueue, buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>): void {
  const whole = bytes.length - (bytes.length % 4);
  if (whole > 0) queue.writeBuffer(buffer, 0, bytes, 0, whole);
  if (whole === bytes.length) return;
  const tail = new Uint8Array(4);
  tail.set(bytes.subarray(whole));
  queue.writeBuffer(buffer, whole, tail);
}
