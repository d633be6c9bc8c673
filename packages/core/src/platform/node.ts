// Node: WebGPU comes from Dawn's own binding, the package `webgpu`.
import { create } from 'webgpu';
import { createNodeImageDecoder } from './node-image.js';
import type { Platform } from './platform.js';

/**
 * Toggles of Dawn. f16 on NVIDIA's Vulkan driver is off without the first. Workgroup memory is set to zero by code in the
 * shader, as on Metal and Direct3D: of Vulkan's own way SwiftShader makes a store for every word, and compiles them for long.
 */
const DAWN_OPTIONS = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia,use_vulkan_memory_model',
  'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
];

/** Makes a platform; it must stay referenced as long as objects of its GPU are in use, as Dawn's objects die with it. */
export function createNodePlatform(): Platform {
  const gpu = create(DAWN_OPTIONS) as unknown as GPU;
  const images = createNodeImageDecoder();
  return { name: 'node', pokesQueue: false, gpu: () => gpu, images, now: () => performance.now() };
}
