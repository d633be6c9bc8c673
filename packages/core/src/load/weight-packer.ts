// The device's side of loading: makes the buffers of the weights, uploads raw rows and packs them with the pack kernel.
// Where rows come from is weight-loader.ts; no number is converted in JavaScript.
import { pack, packParams } from '@pagemind/kernels-wgsl';
import { invariant, PagemindError, throwIfAborted } from '../errors.js';
import type { BoundBuffers, GpuContext } from '../gpu/context.js';
import type { PlannedWeight, WeightPlan, WeightWindow } from './weight-plan.js';
import type { WindowRead } from './weight-windows.js';

const PARAMS_BYTES = 32;

export class WeightPacker {
  readonly #gpu: GpuContext;
  readonly #plan: WeightPlan;
  readonly #weights = new Map<PlannedWeight, BoundBuffers>();
  readonly #allocated: GPUBuffer[] = [];
  #staging: { readonly source: GPUBuffer; readonly params: GPUBuffer } | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #failure: PagemindError | undefined;

  constructor(gpu: GpuContext, plan: WeightPlan) {
    this.#gpu = gpu;
    this.#plan = plan;
    gpu.lost.then((error) => {
      this.#failure ??= error;
    });
  }

  /** Makes all buffers and compiles what is needed. What does not fit fails here, before it is downloaded. */
  async prepare(signal: AbortSignal | undefined): Promise<void> {
    for (const weight of this.#plan.weights) {
      const buffers: Record<string, GPUBuffer> = {};
      for (const [name, bytes] of Object.entries(weight.buffers)) {
        throwIfAborted(signal);
        buffers[name] = await this.#allocate(`${weight.spec.name}.${name}`, bytes);
      }
      this.#weights.set(weight, buffers);
    }
    const { reads } = this.#plan;
    this.#staging = {
      source: await this.#allocate('load.source', Math.max(0, ...reads.map(({ length }) => length))),
      params: await this.#allocate('load.params', PARAMS_BYTES),
    };
    const { profile } = this.#gpu;
    await this.#gpu.compile(reads.flatMap(({ windows }) => windows.map(({ shape }) => pack.plan(shape, profile))));
  }

  /** Buffers of a weight by binding name; its contents are there after {@link finish}. */
  buffersOf(weight: PlannedWeight): BoundBuffers {
    return this.#weights.get(weight) ?? {};
  }

  /**
   * Submits the packing of a read; `bytes` may be dropped when it returns. Waits until no more than one read is still
   * being packed, because an upload keeps a copy of its bytes until it is done.
   * @throws PagemindError `gpu_error`, `device_lost`, of this read or an earlier one.
   */
  async pack({ windows }: WindowRead<WeightWindow>, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const gpu = this.#gpu;
    const staging = this.#staging;
    invariant(staging, 'prepare comes before pack');
    gpu.device.pushErrorScope('validation');
    upload(gpu.queue, staging.source, bytes);
    for (const { weight, shape } of windows) {
      gpu.queue.writeBuffer(staging.params, 0, packParams(shape));
      gpu.submit([gpu.launch(pack.plan(shape, gpu.profile), { ...this.buffersOf(weight), ...staging })]);
    }
    const error = gpu.device.popErrorScope();
    const before = this.#underWay;
    this.#underWay = this.#watch(error);
    await before;
    if (this.#failure) throw this.#failure;
  }

  /** Waits until everything is packed and frees what only packing needs. */
  async finish(): Promise<void> {
    await this.#underWay;
    if (this.#failure) throw this.#failure;
    if (this.#staging) this.#gpu.release(...Object.values(this.#staging));
    this.#staging = undefined;
  }

  /** Frees all buffers. */
  release(): void {
    this.#gpu.release(...this.#allocated);
  }

  async #allocate(label: string, bytes: number): Promise<GPUBuffer> {
    const buffer = await this.#gpu.allocate(label, bytes);
    this.#allocated.push(buffer);
    return buffer;
  }

  /** Waits for the submitted work; keeps the first failure instead of rejecting. */
  async #watch(scope: Promise<GPUError | null>): Promise<void> {
    try {
      const [error] = await Promise.all([scope, this.#gpu.queue.onSubmittedWorkDone()]);
      if (error) throw new Error(error.message);
    } catch (cause) {
      this.#failure ??= new PagemindError('gpu_error', 'The GPU refused to pack the weights.', {
        hint: 'This is a defect of the library or of the driver; please report it with the adapter that `check_env` prints.',
        cause,
      });
    }
  }
}

/** Writes bytes of any length; the queue takes whole words only. */
function upload(queue: GPUQueue, buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>): void {
  const whole = bytes.length - (bytes.length % 4);
  if (whole > 0) queue.writeBuffer(buffer, 0, bytes, 0, whole);
  if (whole === bytes.length) return;
  const tail = new Uint8Array(4);
  tail.set(bytes.subarray(whole));
  queue.writeBuffer(buffer, whole, tail);
}
