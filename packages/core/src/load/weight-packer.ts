// Uploads raw rows of a checkpoint and packs them on the device, quantised ones as they are. Where rows come from is
// weight-loader.ts; no number is converted in JavaScript.
import {
  type KernelPlan,
  numFactors,
  PACK_PARAMS_BYTES,
  pack,
  packParams,
  REPACK_PARAMS_BYTES,
  repack,
  repackParams,
} from '@pagemind/kernels-wgsl';
import { writeTables } from '@pagemind/quant';
import { invariant } from '../errors.js';
import type { BoundBuffers, GpuContext } from '../gpu/context.js';
import type { WeightBuffers } from './weight-buffers.js';
import type { PlannedWeight, WeightPlan, WeightWindow } from './weight-plan.js';
import type { WindowRead } from './weight-windows.js';

export class WeightPacker {
  numDispatches = 0;
  readonly #buffers: WeightBuffers;
  readonly #plan: WeightPlan;
  #staging: { readonly source: GPUBuffer; readonly params: GPUBuffer; readonly factors: GPUBuffer } | undefined;

  constructor(buffers: WeightBuffers, plan: WeightPlan) {
    this.#buffers = buffers;
    this.#plan = plan;
  }

  /** Makes what packing needs beside the weights, and compiles it. */
  async prepare(): Promise<void> {
    const { gpu } = this.#buffers;
    const { weights, reads } = this.#plan;
    const shapes = reads.flatMap(({ windows }) => windows.map(({ shape }) => shape));
    const factors = shapes.map((shape) => ('layout' in shape ? 0 : numFactors(shape)));
    this.#staging = {
      source: await this.#buffers.allocate('load.source', Math.max(0, ...reads.map(({ length }) => length))),
      params: await this.#buffers.allocate('load.params', Math.max(PACK_PARAMS_BYTES, REPACK_PARAMS_BYTES)),
      factors: await this.#buffers.allocate('load.factors', 4 * Math.max(1, ...factors)),
    };
    await gpu.compile(shapes.map((shape) => planOf(shape, gpu)));
    for (const weight of weights) await this.#writeTables(weight);
  }

  /** Writes the part of a plane that no window brings: which group columns belong to. */
  async #writeTables(weight: PlannedWeight): Promise<void> {
    const { tables, buffers } = weight;
    const { zeros } = this.#buffers.of(weight);
    if (!tables || !zeros) return;
    const { numRows, numCols } = weight.spec;
    const words = new Uint32Array((buffers['zeros'] ?? 0) / 4).fill(tables.zeroPoint * 0x01010101);
    const tableOf = (block: number): number => tables.tableOf[block] ?? 0;
    writeTables(words, numRows, numCols, weight.options, tables.tables, tableOf);
    await this.#buffers.submit(() => this.#buffers.gpu.queue.writeBuffer(zeros, 0, words));
  }

  /** Submits the packing of a read; `bytes` may be dropped when it returns. */
  async upload({ windows }: WindowRead<WeightWindow>, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { gpu } = this.#buffers;
    const staging = this.#staging;
    invariant(staging, 'prepare comes before upload');
    await this.#buffers.submit(() => {
      writeBytes(gpu.queue, staging.source, bytes);
      for (const { weight, shape, plane, factors } of windows) {
        const buffers = this.#buffers.of(weight);
        const planes: BoundBuffers = plane ? { plane: buffers[plane] as GPUBuffer } : buffers;
        if (factors) gpu.queue.writeBuffer(staging.factors, 0, factors());
        gpu.queue.writeBuffer(staging.params, 0, 'layout' in shape ? repackParams(shape) : packParams(shape));
        gpu.submit([gpu.launch(planOf(shape, gpu), { ...planes, ...staging })]);
        this.numDispatches += 1;
      }
    });
  }

  /** Frees what only packing needs; everything must be uploaded. */
  finish(): void {
    if (this.#staging) this.#buffers.gpu.release(...Object.values(this.#staging));
    this.#staging = undefined;
  }
}

function planOf(shape: WeightWindow['shape'], { profile }: GpuContext): KernelPlan {
  return 'layout' in shape ? repack.plan(shape, profile) : pack.plan(shape, profile);
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
