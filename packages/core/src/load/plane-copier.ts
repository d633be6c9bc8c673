// Verifies the chunks of a packed checkpoint and copies them into the buffers of the weights as they are: nothing is
// dispatched. What goes where was decided in packed-plan.ts.
import { invariant, PagemindError } from '../errors.js';
import type { PackedRead } from './packed-plan.js';
import { sha256 } from './sha256.js';
import type { WeightBuffers } from './weight-buffers.js';

/**
 * Uploads a chunk; `bytes` may be dropped when it returns.
 * @throws PagemindError `file_malformed` when the bytes are not those that were written; `gpu_error`, `device_lost`.
 */
export async function copyPlanes(
  buffers: WeightBuffers,
  { file, offset, copies, sha256: expected }: PackedRead,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  if ((await sha256(bytes)) !== expected) {
    throw new PagemindError('file_malformed', `${file} is damaged behind byte ${offset}: its SHA-256 is another.`, {
      hint: 'Download the file again.',
    });
  }
  await buffers.submit(() => {
    for (const { weight, plane, from, to, length } of copies) {
      const buffer = buffers.of(weight)[plane];
      invariant(buffer, `${weight.spec.name} has a buffer for ${plane}`);
      buffers.gpu.queue.writeBuffer(buffer, to, bytes, from, length);
    }
  });
}
