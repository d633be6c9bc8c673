// Bit values of WebGPU's usage flags, from the specification: Node has no global GPUBufferUsage, and lib types lack it.

export const BufferUsage = {
  mapRead: 0x0001,
  mapWrite: 0x0002,
  copySrc: 0x0004,
  copyDst: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
} as const;

/** Storage that can be written from JavaScript, copied and read back. */
export const STORAGE: number = BufferUsage.storage | BufferUsage.copyDst | BufferUsage.copySrc;

export const MAP_READ: number = 0x0001;
export const SHADER_STAGE_COMPUTE: number = 0x4;
