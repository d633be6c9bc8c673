// Public names of @pagemind/kernels-wgsl.
export * from './kernel.js';
export { type RmsnormShape, rmsnorm } from './rmsnorm/rmsnorm.js';
