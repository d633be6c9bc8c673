// The list of all kernels, for tests, benchmarks and tuning. The engine imports each kernel from its own folder.
import type { KernelBase } from './kernel.js';
import { rmsnorm } from './rmsnorm/rmsnorm.js';

/** Every kernel of the package. */
export const kernels: readonly KernelBase[] = [rmsnorm];
