// Runs KernelPlans on a device for tests: makes buffers and bind groups, dispatches, reads everything back.
// Convenience over speed; core/gpu is the real thing.
import { bindingsOf, type KernelPlan, sourceOf } from '../src/kernel.js';
import type { TestDevice } from './device.js';

export type TypedArray = Float32Array | Uint32Array | Int32Array | Uint8Array | Uint16Array;

/** Buffer contents by binding name; typed arrays are uploaded and their type is what comes back. */
export type Buffers = Readonly<Record<string, TypedArray>>;

const pipelines = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

const STORAGE_COPY = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC
const MAP_READ_COPY_DST = 0x01 | 0x08;

async function pipelineOf(device: GPUDevice, plan: KernelPlan): Promise<GPUComputePipeline> {
  const cache = pipelines.get(device) ?? new Map<string, GPUComputePipeline>();
  pipelines.set(device, cache);
  const key = `${plan.kernel.name}/${plan.variant.id}/${JSON.stringify(plan.constants)}`;
  const cached = cache.get(key);
  if (cached) return cached;
  const bindings = bindingsOf(plan.kernel, plan.variant);
  const bindGroupLayout = device.createBindGroupLayout({
    entries: bindings.map(({ index, access }) => ({
      binding: index,
      visibility: 4,
      buffer: { type: access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
    })),
  });
  device.pushErrorScope('validation');
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
    compute: {
      module: device.createShaderModule({ code: sourceOf(plan.kernel, plan.variant) }),
      entryPoint: 'main',
      constants: plan.constants,
    },
  });
  const error = await device.popErrorScope();
  if (error) throw new Error(`${key}: ${error.message}\n${sourceOf(plan.kernel, plan.variant)}`);
  cache.set(key, pipeline);
  return pipeline;
}

/** Runs plans in order in one pass over shared `buffers` (bindings of equal name share a buffer); returns all contents. */
export async function runKernels<B extends Buffers>(
  { device }: TestDevice,
  plans: readonly KernelPlan[],
  buffers: B,
): Promise<B> {
  const gpuBuffers = new Map<string, GPUBuffer>();
  const readbacks = new Map<string, GPUBuffer>();
  const compiled = await Promise.all(plans.map((plan) => pipelineOf(device, plan)));
  device.pushErrorScope('validation');
  for (const [name, data] of Object.entries(buffers)) {
    const size = Math.max(16, Math.ceil(data.byteLength / 16) * 16);
    const buffer = device.createBuffer({ size, usage: STORAGE_COPY, mappedAtCreation: true });
    new Uint8Array(buffer.getMappedRange()).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    buffer.unmap();
    gpuBuffers.set(name, buffer);
    readbacks.set(name, device.createBuffer({ size, usage: MAP_READ_COPY_DST }));
  }
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  plans.forEach((plan, index) => {
    const pipeline = compiled[index] as GPUComputePipeline;
    const entries = bindingsOf(plan.kernel, plan.variant).map(({ name, index: binding }) => {
      const buffer = gpuBuffers.get(name);
      if (!buffer) throw new Error(`${plan.kernel.name}: no buffer for binding '${name}'`);
      return { binding, resource: { buffer } };
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...plan.workgroups);
  });
  pass.end();
  for (const [name, buffer] of gpuBuffers) {
    encoder.copyBufferToBuffer(buffer, 0, readbacks.get(name) as GPUBuffer, 0, buffer.size);
  }
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error) throw new Error(`${plans.map((plan) => plan.kernel.name).join(', ')}: ${error.message}`);
  const results: Record<string, TypedArray> = {};
  for (const [name, data] of Object.entries(buffers)) {
    const readback = readbacks.get(name) as GPUBuffer;
    await readback.mapAsync(1);
    const copy = readback.getMappedRange().slice(0, data.byteLength);
    const Type = data.constructor as new (buffer: ArrayBuffer) => TypedArray;
    results[name] = new Type(copy);
    readback.destroy();
    gpuBuffers.get(name)?.destroy();
  }
  return results as B;
}
