// The device with what everything above needs of it: allocation that reports running out of memory, cached pipelines and
// bind groups, counters, and the one place that learns of a lost device. Knows kernels, not models.
import { bindingsOf, type DeviceProfile, type KernelPlan, sourceOf } from '@pagemind/kernels-wgsl';
import { PagemindError } from '../errors.js';
import { deviceDescriptor, profileOf } from './profile.js';
import { SHADER_STAGE_COMPUTE, STORAGE } from './usage.js';

/** A dispatch ready to be encoded, any number of times. */
export interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Buffers by binding name. */
export type BoundBuffers = Readonly<Record<string, GPUBuffer>>;

/** What was created and sent since the context was opened; read by benches and tests. */
export interface GpuCounters {
  /** Buffers, bind groups, layouts, pipelines, shader modules. */
  objects: number;
  submits: number;
  passes: number;
  dispatches: number;
}

interface CachedPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Bytes that a buffer of `bytes` bytes really has. */
export function bufferSize(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

export class GpuContext {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly profile: DeviceProfile;
  readonly counters: GpuCounters = { objects: 0, submits: 0, passes: 0, dispatches: 0 };
  /** Resolves when the device is lost for any reason but {@link dispose}. */
  readonly lost: Promise<PagemindError>;
  readonly #buffers = new Map<GPUBuffer, number>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, CachedPipeline>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  #nextBufferId = 1;
  #isDisposed = false;
  #fault: PagemindError | undefined;

  /** Dawn's objects die with the instance that made them, so it is kept. */
  readonly gpu: GPU;

  private constructor(gpu: GPU, device: GPUDevice, profile: DeviceProfile) {
    this.gpu = gpu;
    this.device = device;
    this.queue = device.queue;
    this.profile = profile;
    device.addEventListener('uncapturederror', (event) => {
      this.#fault ??= new PagemindError('gpu_error', 'The GPU reported an error outside of any operation.', {
        hint: 'This is a defect; please report it with the adapter that `check_env` prints.',
        cause: new Error((event as GPUUncapturedErrorEvent).error.message),
      });
    });
    this.lost = new Promise((resolve) => {
      device.lost.then(({ message }) => {
        if (this.#isDisposed) return;
        resolve(
          new PagemindError('device_lost', `The GPU device was lost: ${message || 'no reason given'}.`, {
            hint: 'Create the engine again; if it happens repeatedly, use a smaller model or session length.',
          }),
        );
      });
    });
  }

  /**
   * Opens a device on the best adapter.
   * @throws PagemindError `webgpu_unavailable` without WebGPU or without an adapter.
   */
  static async open(gpu: GPU | undefined): Promise<GpuContext> {
    const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!gpu || !adapter) {
      throw new PagemindError('webgpu_unavailable', gpu ? 'No WebGPU adapter was found.' : 'WebGPU is not available.', {
        hint: 'Use a recent Chrome, Edge, Safari or Firefox with WebGPU enabled, or run `pagemind check_env` in Node.',
      });
    }
    const device = await adapter.requestDevice(deviceDescriptor(adapter));
    return new GpuContext(gpu, device, profileOf(adapter, device));
  }

  /** Number of buffers alive and their bytes. */
  get allocated(): { readonly numBuffers: number; readonly bytes: number } {
    let bytes = 0;
    for (const buffer of this.#buffers.keys()) bytes += buffer.size;
    return { numBuffers: this.#buffers.size, bytes };
  }

  /**
   * Makes a zeroed buffer of at least `bytes` bytes (rounded up to 16).
   * @throws PagemindError `out_of_memory` when the device refuses.
   */
  async allocate(label: string, bytes: number, usage: number = STORAGE): Promise<GPUBuffer> {
    const size = bufferSize(bytes);
    const { maxBufferSize } = this.profile.limits;
    if (size > maxBufferSize) {
      throw new PagemindError(
        'out_of_memory',
        `${label} needs ${size} bytes; a buffer here ends at ${maxBufferSize}.`,
        {
          hint: 'Use a smaller model, INT4 weights or a shorter session.',
        },
      );
    }
    this.device.pushErrorScope('out-of-memory');
    this.device.pushErrorScope('validation');
    const buffer = this.create(label, size, usage);
    const invalid = await this.device.popErrorScope();
    const exhausted = await this.device.popErrorScope();
    const error = exhausted ?? invalid;
    if (error) {
      this.release(buffer);
      throw new PagemindError(
        exhausted ? 'out_of_memory' : 'gpu_error',
        `Allocating ${label} (${size} bytes) failed.`,
        {
          hint: 'Free GPU memory, or use a smaller model, INT4 weights or a shorter session.',
          cause: new Error(error.message),
        },
      );
    }
    return buffer;
  }

  /** Makes a buffer at once, without learning whether there was room; for small and short-lived ones. */
  create(label: string, bytes: number, usage: number = STORAGE): GPUBuffer {
    const buffer = this.device.createBuffer({ label, size: Math.max(16, Math.ceil(bytes / 16) * 16), usage });
    this.counters.objects++;
    this.#buffers.set(buffer, this.#nextBufferId++);
    return buffer;
  }

  /** Destroys buffers made by {@link allocate} or {@link create}, and the bind groups that mention them. */
  release(...buffers: readonly GPUBuffer[]): void {
    for (const buffer of buffers) {
      const id = this.#buffers.get(buffer);
      if (id === undefined) continue;
      this.#buffers.delete(buffer);
      const mention = `#${id}#`;
      for (const key of this.#bindGroups.keys()) if (key.includes(mention)) this.#bindGroups.delete(key);
      buffer.destroy();
    }
  }

  /** Compiles the pipelines of plans in parallel, so that {@link launch} finds them ready. */
  async compile(plans: Iterable<KernelPlan>): Promise<void> {
    const missing = new Map<string, KernelPlan>();
    for (const plan of plans) {
      const key = pipelineKey(plan);
      if (!this.#pipelines.has(key)) missing.set(key, plan);
    }
    await Promise.all(
      Array.from(missing, async ([key, plan]) => {
        const layout = this.#layoutOf(plan);
        try {
          const pipeline = await this.device.createComputePipelineAsync(this.#descriptor(plan, layout));
          this.counters.objects++;
          this.#pipelines.set(key, { pipeline, layout });
        } catch (cause) {
          throw new PagemindError(
            'gpu_error',
            `Kernel ${plan.kernel.name}, variant ${plan.variant.id}, did not compile.`,
            {
              hint: 'This is a defect of the kernel or of the driver; please report it with the adapter that `check_env` prints.',
              cause,
            },
          );
        }
      }),
    );
  }

  /** A launch of `plan` on `buffers`. Pipeline and bind group are made once and kept. */
  launch(plan: KernelPlan, buffers: BoundBuffers): Launch {
    const key = pipelineKey(plan);
    let cached = this.#pipelines.get(key);
    if (!cached) {
      const layout = this.#layoutOf(plan);
      cached = { layout, pipeline: this.device.createComputePipeline(this.#descriptor(plan, layout)) };
      this.counters.objects++;
      this.#pipelines.set(key, cached);
    }
    return {
      pipeline: cached.pipeline,
      bindGroup: this.#bindGroupOf(plan, cached.layout, buffers),
      workgroups: plan.workgroups,
    };
  }

  /**
   * Encodes launches into one pass and one command buffer, with copies after the pass, and submits it.
   * @throws PagemindError `gpu_error` when the device has reported an error before: results could be anything.
   */
  submit(launches: Iterable<Launch>, afterPass?: (encoder: GPUCommandEncoder) => void): void {
    if (this.#fault) throw this.#fault;
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let pipeline: GPUComputePipeline | undefined;
    let bindGroup: GPUBindGroup | undefined;
    for (const launch of launches) {
      if (launch.pipeline !== pipeline) pass.setPipeline(launch.pipeline);
      if (launch.bindGroup !== bindGroup) pass.setBindGroup(0, launch.bindGroup);
      ({ pipeline, bindGroup } = launch);
      pass.dispatchWorkgroups(...launch.workgroups);
      this.counters.dispatches++;
    }
    pass.end();
    afterPass?.(encoder);
    this.queue.submit([encoder.finish()]);
    this.counters.passes++;
    this.counters.submits++;
  }

  /** What a failed GPU promise means: the device was lost, or reported an error. Settles soon in either case. */
  async explain(cause: unknown): Promise<PagemindError> {
    const lost = await Promise.race([this.lost, new Promise<undefined>((resolve) => setTimeout(resolve, 100))]);
    return lost ?? this.#fault ?? new PagemindError('gpu_error', 'An operation of the GPU failed.', { cause });
  }

  /** Ends the device; every buffer goes with it. */
  dispose(): void {
    this.#isDisposed = true;
    this.release(...this.#buffers.keys());
    this.#bindGroups.clear();
    this.#pipelines.clear();
    this.device.destroy();
  }

  #layoutOf(plan: KernelPlan): GPUBindGroupLayout {
    const bindings = bindingsOf(plan.kernel, plan.variant);
    const key = bindings.map(({ index, access }) => `${index}${access}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        entries: bindings.map(({ index, access }) => ({
          binding: index,
          visibility: SHADER_STAGE_COMPUTE,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      });
      this.counters.objects++;
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  #descriptor(plan: KernelPlan, layout: GPUBindGroupLayout): GPUComputePipelineDescriptor {
    const { kernel, variant, constants } = plan;
    const key = `${kernel.name}/${variant.id}`;
    let module = this.#modules.get(key);
    if (!module) {
      module = this.device.createShaderModule({ label: key, code: sourceOf(kernel, variant) });
      this.counters.objects++;
      this.#modules.set(key, module);
    }
    return {
      label: key,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main', constants },
    };
  }

  #bindGroupOf(plan: KernelPlan, layout: GPUBindGroupLayout, buffers: BoundBuffers): GPUBindGroup {
    const bindings = bindingsOf(plan.kernel, plan.variant);
    let key = '';
    const entries = bindings.map(({ name, index, access }) => {
      const buffer = buffers[name];
      if (!buffer) throw new PagemindError('internal', `${plan.kernel.name}: no buffer for binding '${name}'`);
      key += `${index}${access}#${this.#buffers.get(buffer)}#`;
      return { binding: index, resource: { buffer } };
    });
    let group = this.#bindGroups.get(key);
    if (!group) {
      group = this.device.createBindGroup({ layout, entries });
      this.counters.objects++;
      this.#bindGroups.set(key, group);
    }
    return group;
  }
}

/** Equal keys mean equal pipelines. */
function pipelineKey({ kernel, variant, constants }: KernelPlan): string {
  return `${kernel.name}/${variant.id}/${JSON.stringify(constants)}`;
}
