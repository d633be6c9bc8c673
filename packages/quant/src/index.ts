// Public names of @pagemind/quant.
export type { WgslModule, WgslSegment } from './wgsl-module.js';
