// The buffers that weights are loaded into: makes them, bounds the uploads that are under way, keeps the first failure.
// What is written into them is weight-packer.ts and plane-copier.ts.
import { PagemindError, throwIfAborted } from '../errors.js';
import type { BoundBuffers, GpuContext } from '../gpu/context.js';
import type { PlannedWeight } from './weight-plan.js';

export class WeightBuffers {
  readonly gpu: GpuContext;
  readonly #buffers = new Map<PlannedWeight, BoundBuffers>();
  readonly #allocated: GPUBuffer[] = [];
  #underWay: Promise<void> = Promise.resolve();
  #failure: PagemindError | undefined;

  constructor(gpu: GpuContext) {
    this.gpu = gpu;
    gpu.lost.then((error) => {
      this.#failure ??= error;
    });
  }

  /** Makes the buffers of all weights. What does not fit fails here, before it is downloaded. */
  async prepare(weights: readonly PlannedWeight[], signal: AbortSignal | undefined): Promise<void> {
    for (const weight of weights) {
      const buffers: Record<string, GPUBuffer> = {};
      for (const [name, bytes] of Object.entries(weight.buffers)) {
        throwIfAborted(signal);
        buffers[name] = await this.allocate(`${weight.spec.name}.${name}`, bytes);
      }
      this.#buffers.set(weight, buffers);
    }
  }

  /** Makes a further buffer, which {@link release} frees with the others. */
  async allocate(label: string, bytes: number): Promise<GPUBuffer> {
    const buffer = await this.gpu.allocate(label, bytes);
    this.#allocated.push(buffer);
    return buffer;
  }

  /** Buffers of a weight by binding name; their contents are there after {@link settle}. */
  of(weight: PlannedWeight): BoundBuffers {
    return this.#buffers.get(weight) ?? {};
  }

  /**
   * Runs `upload`, which writes and submits. Waits until no more than one upload is under way, because each keeps a copy of
   * its bytes until it is done.
   * @throws PagemindError `gpu_error`, `device_lost`, of this upload or an earlier one.
   */
  async submit(upload: () => void): Promise<void> {
    const { device } = this.gpu;
    device.pushErrorScope('validation');
    upload();
    const error = device.popErrorScope();
    const before = this.#underWay;
    this.#underWay = this.#watch(error);
    await before;
    if (this.#failure) throw this.#failure;
  }

  /** Waits until everything is uploaded. */
  async settle(): Promise<void> {
    await this.#underWay;
    if (this.#failure) throw this.#failure;
  }

  /** Frees all buffers. */
  release(): void {
    this.gpu.release(...this.#allocated);
  }

  /** Waits for the submitted work; keeps the first failure instead of rejecting. */
  async #watch(scope: Promise<GPUError | null>): Promise<void> {
    try {
      const [error] = await Promise.all([scope, this.gpu.queue.onSubmittedWorkDone()]);
      if (error) throw new Error(error.message);
    } catch (cause) {
      this.#failure ??= new PagemindError('gpu_error', 'The GPU refused to take the weights.', {
        hint: 'This is a defect of the library or of the driver; please report it with the adapter that `check_env` prints.',
        cause,
      });
    }
  }
}
