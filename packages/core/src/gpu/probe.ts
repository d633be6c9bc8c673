// Measures what a device really reaches, for benches and `check_env`; never used to choose anything.
import { probeRead } from '@pagemind/kernels-wgsl';
import type { GpuContext } from './context.js';

/** A measurement. */
export interface BandwidthProbe {
  /** Bytes per second of a streaming read. */
  readonly bytesPerSecond: number;
  /** Microseconds that a dispatch costs in a long pass. */
  readonly dispatchMicroseconds: number;
}

/** Reads `bytes` several times and takes the best; a fraction of a second on any device. */
export async function probeDevice(gpu: GpuContext, now: () => number, bytes?: number): Promise<BandwidthProbe> {
  const wanted = bytes ?? (gpu.profile.isCpu ? 2 ** 25 : 2 ** 28);
  const size = Math.min(wanted, gpu.profile.limits.maxStorageBufferBindingSize, gpu.profile.limits.maxBufferSize);
  const numWorkgroups = gpu.profile.isCpu ? 64 : 4096;
  const data = await gpu.allocate('bandwidth probe', size);
  const sums = await gpu.allocate('bandwidth probe sums', numWorkgroups * 256 * 16);
  try {
    const read = probeRead.plan({ numUnits: Math.floor(size / 16), numWorkgroups }, gpu.profile);
    const tiny = probeRead.plan({ numUnits: 1, numWorkgroups: 1 }, gpu.profile);
    await gpu.compile([read, tiny]);
    const bind = { data, sums };
    const seconds = await best(gpu, now, 5, 1, () => gpu.launch(read, bind));
    const dispatch = await best(gpu, now, 3, 256, () => gpu.launch(tiny, bind));
    return { bytesPerSecond: size / seconds, dispatchMicroseconds: dispatch * 1e6 };
  } finally {
    gpu.release(data, sums);
  }
}

/** Seconds per launch of the fastest of `runs` submissions of `repeats` launches. */
async function best(
  gpu: GpuContext,
  now: () => number,
  runs: number,
  repeats: number,
  launch: () => ReturnType<GpuContext['launch']>,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run <= runs; run++) {
    const start = now();
    gpu.submit(Array.from({ length: repeats }, launch));
    await gpu.queue.onSubmittedWorkDone();
    if (run > 0) least = Math.min(least, (now() - start) / 1000 / repeats);
  }
  return least;
}
