// Records the dispatches of a step once per key and replays them: the page's counterpart of CUDA graphs. A replayed step
// creates no GPU object; what changes from step to step lies in buffers. What a step consists of is decided above.
import type { KernelPlan } from '@pagemind/kernels-wgsl';
import type { BoundBuffers, GpuContext, Launch } from './context.js';

/** How layers say "run this kernel on these buffers". */
export type Dispatch = (plan: KernelPlan, buffers: BoundBuffers) => void;

/** Issues the dispatches of a step, in order. */
export type Recording = (dispatch: Dispatch) => void;

export class Recorder {
  readonly #gpu: GpuContext;
  readonly #lists = new Map<string, readonly Launch[]>();

  constructor(gpu: GpuContext) {
    this.#gpu = gpu;
  }

  /** Launches of the recording with this key; recorded on first use. Equal keys must mean equal recordings. */
  launches(key: string, recording: Recording): readonly Launch[] {
    let list = this.#lists.get(key);
    if (!list) {
      const recorded: Launch[] = [];
      recording((plan, buffers) => recorded.push(this.#gpu.launch(plan, buffers)));
      list = recorded;
      this.#lists.set(key, list);
    }
    return list;
  }

  /** Compiles everything the recordings need, in parallel. */
  async compile(recordings: Iterable<Recording>): Promise<void> {
    const plans: KernelPlan[] = [];
    for (const recording of recordings) recording((plan) => plans.push(plan));
    await this.#gpu.compile(plans);
  }

  /** Forgets all lists; needed when a buffer they mention was replaced. */
  clear(): void {
    this.#lists.clear();
  }
}
