// A WebGPU device in Node for kernel tests: Dawn on whatever adapter VK_ICD_FILENAMES names. No adapter is a failure.
import { create } from 'webgpu';
import type { DeviceProfile, ShaderFeature } from '../src/kernel.js';

export interface TestDevice {
  /** Kept, because Dawn's objects die with the instance that made them. */
  readonly gpu: GPU;
  readonly device: GPUDevice;
  readonly profile: DeviceProfile;
}

// The reasons are beside those of the engine, in core's platform/node.ts.
const DAWN_OPTIONS = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];

let shared: Promise<TestDevice> | undefined;

/** The device that all kernel tests of a file share. Throws when there is no adapter. */
export function testDevice(): Promise<TestDevice> {
  shared ??= openDevice();
  return shared;
}

async function openDevice(): Promise<TestDevice> {
  const gpu = create(DAWN_OPTIONS) as unknown as GPU;
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter: set VK_ICD_FILENAMES (npm test does) or install a Vulkan driver');
  const features = (['shader-f16', 'subgroups'] as ShaderFeature[]).filter((feature) => adapter.features.has(feature));
  const { limits, info } = adapter;
  const device = await adapter.requestDevice({ requiredFeatures: features as GPUFeatureName[] });
  const sizes = info as GPUAdapterInfo & { subgroupMinSize?: number; subgroupMaxSize?: number };
  const hasSubgroups = features.includes('subgroups');
  return {
    gpu,
    device,
    profile: {
      vendor: info.vendor,
      architecture: info.architecture,
      isCpu: /swiftshader|llvmpipe|lavapipe/i.test(`${info.architecture} ${info.device} ${info.description}`),
      features,
      subgroupMinSize: hasSubgroups ? (sizes.subgroupMinSize ?? 4) : 0,
      subgroupMaxSize: hasSubgroups ? (sizes.subgroupMaxSize ?? 128) : 0,
      limits: {
        maxStorageBufferBindingSize: device.limits.maxStorageBufferBindingSize,
        maxBufferSize: device.limits.maxBufferSize,
        maxComputeWorkgroupStorageSize: device.limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupsPerDimension: Math.min(limits.maxComputeWorkgroupsPerDimension, 65535),
        maxStorageBuffersPerShaderStage: device.limits.maxStorageBuffersPerShaderStage,
      },
    },
  };
}
