// Asks Dawn for a WebGPU adapter and prints what it is as JSON, or null. Runs in a process of its own, because the
// Vulkan loader and LD_LIBRARY_PATH are read from the environment at its start.
import { create } from 'webgpu';

const adapter = await create([]).requestAdapter();
const { vendor = '', architecture = '', device = '', description = '' } = adapter?.info ?? {};
const features = adapter ? [...adapter.features].sort() : [];
console.log(JSON.stringify(adapter ? { vendor, architecture, device, description, features } : null));
process.exit(0);
