// From an adapter to a DeviceProfile and to what we ask of the device. Pure but for reading the adapter.
import type { DeviceLimits, DeviceProfile, ShaderFeature } from '@pagemind/kernels-wgsl';

const WANTED_FEATURES: readonly ShaderFeature[] = ['shader-f16', 'subgroups'];

const WANTED_LIMITS: readonly (keyof DeviceLimits)[] = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
];

/** The descriptor that asks for all the adapter has of what the kernels can use. */
export function deviceDescriptor(adapter: GPUAdapter): GPUDeviceDescriptor {
  return {
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]])),
  };
}

/** Names of software adapters; they have no feature flag of their own in every browser. */
const CPU_ADAPTER = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

export function profileOf(adapter: GPUAdapter, device: GPUDevice): DeviceProfile {
  const info = adapter.info as GPUAdapterInfo & {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
    readonly isFallbackAdapter?: boolean;
  };
  const features = WANTED_FEATURES.filter((feature) => device.features.has(feature));
  const hasSubgroups = features.includes('subgroups');
  const limits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, device.limits[name]]));
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    isCpu:
      info.isFallbackAdapter === true || CPU_ADAPTER.test(`${info.architecture} ${info.device} ${info.description}`),
    features,
    subgroupMinSize: hasSubgroups ? (info.subgroupMinSize ?? 4) : 0,
    subgroupMaxSize: hasSubgroups ? (info.subgroupMaxSize ?? 128) : 0,
    limits: limits as unknown as DeviceLimits,
  };
}
