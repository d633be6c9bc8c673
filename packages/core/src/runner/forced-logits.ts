// What steps of given tokens bring back: logits of all rows, or of every row the log probability of one token. The head runs
// over slices of the rows, as many as there is room for logits. The forward pass before it is the model runner's.
import { tokenLogprobs } from '@pagemind/kernels-wgsl';
import type { GpuContext, Launch } from '../gpu/context.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';
import { rowStride } from '../layers/context.js';
import type { RowRange } from './input-batch.js';
import type { ScheduledSequence, SequenceResult, StepResult } from './runner.js';
import type { RunnerBuffers } from './step-buffers.js';

/** What a step is read with. */
export interface ForcedLogitsParts {
  readonly gpu: GpuContext;
  readonly buffers: RunnerBuffers;
  readonly vocabSize: number;
  /** Most rows of logits at once. */
  readonly sliceRows: number;
  /** The head over the first rows of `sampleRows`. */
  readonly head: (numRows: number) => readonly Launch[];
}

export class ForcedLogits {
  readonly #parts: ForcedLogitsParts;

  constructor(parts: ForcedLogitsParts) {
    this.#parts = parts;
  }

  /** Results of a step whose residual stream is computed. @param ranges rows of each sequence */
  async read(
    sequences: readonly ScheduledSequence[],
    ranges: readonly RowRange[],
    numRows: number,
  ): Promise<StepResult> {
    const { gpu, vocabSize } = this.#parts;
    const stride = rowStride(vocabSize);
    const wantsLogits = sequences.some(({ targets }) => !targets);
    const staging = gpu.create(
      'logits',
      numRows * (wantsLogits ? stride + 1 : 1) * 4,
      BufferUsage.mapRead | BufferUsage.copyDst,
    );
    const scratch = ['targets', 'logprobs'].map((label) => gpu.create(label, numRows * 4));
    const [targets, logprobs] = scratch as [GPUBuffer, GPUBuffer];
    try {
      this.#submit(sequences, ranges, { numRows, staging, targets, logprobs, wantsLogits });
      await staging.mapAsync(MAP_READ);
      const all = new Float32Array(staging.getMappedRange());
      const logits = all.subarray(numRows);
      return {
        sequences: sequences.map(({ slot, targets: ids }, index): SequenceResult => {
          const { first, count } = ranges[index] as RowRange;
          const result = { slot, tokens: [], isDone: false };
          if (ids) return { ...result, targetLogprobs: all.slice(first, first + ids.length) };
          const rows = new Float32Array(count * vocabSize);
          for (let row = 0; row < count; row++) {
            const from = (first + row) * stride;
            rows.set(logits.subarray(from, from + vocabSize), row * vocabSize);
          }
          return { ...result, logits: rows };
        }),
      };
    } finally {
      gpu.release(staging, ...scratch);
    }
  }

  /** Log probabilities come first in `staging`, then logits, where wanted. */
  #submit(
    sequences: readonly ScheduledSequence[],
    ranges: readonly RowRange[],
    {
      numRows,
      staging,
      targets,
      logprobs,
      wantsLogits,
    }: { numRows: number; staging: GPUBuffer; targets: GPUBuffer; logprobs: GPUBuffer; wantsLogits: boolean },
  ): void {
    const { gpu, buffers, vocabSize, sliceRows, head } = this.#parts;
    const strideBytes = rowStride(vocabSize) * 4;
    const wanted = new Uint32Array(numRows);
    for (const [i, { targets: ids }] of sequences.entries()) if (ids) wanted.set(ids, (ranges[i] as RowRange).first);
    const wantsLogprobs = sequences.some(({ targets: ids }) => ids);
    for (let row = 0; row < numRows; row += sliceRows) {
      const count = Math.min(sliceRows, numRows - row);
      const rows = Uint32Array.from({ length: count }, (_, i) => row + i);
      gpu.queue.writeBuffer(buffers.sampleRows, 0, rows);
      gpu.queue.writeBuffer(targets, 0, wanted, row, count);
      const launches = [...head(count)];
      if (wantsLogprobs) {
        const shape = { numRows: count, vocab: vocabSize, stride: rowStride(vocabSize) };
        const bound = { logits: buffers.logits, targets, logprobs };
        launches.push(gpu.launch(tokenLogprobs.plan(shape, gpu.profile), bound));
      }
      gpu.submit(launches, (encoder) => {
        if (wantsLogprobs) encoder.copyBufferToBuffer(logprobs, 0, staging, row * 4, count * 4);
        if (!wantsLogits) return;
        encoder.copyBufferToBuffer(buffers.logits, 0, staging, numRows * 4 + row * strideBytes, count * strideBytes);
      });
    }
  }
}
