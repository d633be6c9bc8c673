// Node: WebGPU comes from Dawn's own binding, the package `webgpu`.
import { create } from 'webgpu';
import { createNodeImageDecoder } from './node-image.js';
import type { Platform } from './platform.js';

/** Toggles of Dawn: f16 on NVIDIA's Vulkan driver is off without the first. */
const DAWN_OPTIONS = ['enable-dawn-features=vulkan_enable_f16_on_nvidia,use_vulkan_memory_model'];

/** Makes a platform; it must stay referenced as long as objects of its GPU are in use, as Dawn's objects die with it. */
export function createNodePlatform(): Platform {
  const gpu = create(DAWN_OPTIONS) as unknown as GPU;
  const images = createNodeImageDecoder();
  return { name: 'node', pokesQueue: false, gpu: () => gpu, images, now: () => performance.now() };
}
