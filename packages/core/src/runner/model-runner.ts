// Runs steps of a loaded model on the GPU: packs a plan, records or replays its dispatches, submits, and hands out the
// sampled ids when they arrive. What may live here: the order of these acts. What may not: scheduling, text, sampling
// rules, anything about a family; sizes of buffers are in step-buffers, the packing in input-batch. Keep it that way.

import type { EngineConfig } from '../config.js';
import { invariant, PagemindError } from '../errors.js';
import type { GpuContext, Launch } from '../gpu/context.js';
import { type Dispatch, Recorder, type Recording } from '../gpu/recorder.js';
import { BufferUsage, MAP_READ } from '../gpu/usage.js';
import { type KvContext, queryTileTokens, SPLIT_LENGTH } from '../layers/attention.js';
import { type ForwardContext, rowStride, type StepShape } from '../layers/context.js';
import { countTokens, RING_LENGTH, sample, startSlot } from '../layers/sampler.js';
import type { Decoder } from '../models/decoder.js';
import { needsOwnTable, type RopeConfig, ropeTable, sharedLength } from '../models/rope.js';
import type { ImageRunner } from './image-runner.js';
import { InputBatch, type RowRange } from './input-batch.js';
import { Readback } from './readback.js';
import type {
  BeginSequence,
  ImageSpan,
  ModelRunner,
  RunnerCounters,
  RunnerLimits,
  ScheduledSequence,
  SequenceResult,
  StepPlan,
  StepResult,
} from './runner.js';
import { maxLogitRows, maxPagesOf, type RunnerBuffers, type StepSizes } from './step-buffers.js';

/** Results that may be under way at once. */
const MAX_READBACKS = 8;
/** Bit of a ring entry: the sequence is done with this token. */
const DONE = 0x80000000;

/** What a runner is made of; all of it is released by {@link GpuModelRunner.dispose} through the context. */
export interface RunnerParts {
  readonly gpu: GpuContext;
  readonly decoder: Decoder;
  readonly config: EngineConfig;
  readonly sizes: StepSizes;
  readonly buffers: RunnerBuffers;
  readonly kv: readonly GPUBuffer[];
  /** Missing: the model takes text alone. */
  readonly images: ImageRunner | undefined;
  /** See {@link Readback.create}. */
  readonly pokesQueue: boolean;
}

export class GpuModelRunner implements ModelRunner {
  readonly limits: RunnerLimits;
  readonly #parts: RunnerParts;
  readonly #recorder: Recorder;
  readonly #batch: InputBatch;
  readonly #readback: Readback;
  /** Row of the rotary table that a slot's position 0 uses. */
  readonly #ropeBase: Uint32Array;
  /** What the GPU's row buffer holds, as far as it is known here; decode steps that continue it write nothing. */
  readonly #rowsOnGpu: Uint32Array<ArrayBuffer>;
  readonly #tileTokens: number;
  #numSteps = 0;

  private constructor(parts: RunnerParts, readback: Readback) {
    const { config, sizes, decoder, gpu, images } = parts;
    this.#parts = parts;
    this.#readback = readback;
    this.#recorder = new Recorder(gpu);
    this.#batch = new InputBatch(sizes.maxRows);
    this.#rowsOnGpu = new Uint32Array(this.#batch.rows.length);
    this.#ropeBase = new Uint32Array(config.maxBatchSize);
    this.#tileTokens = queryTileTokens(decoder.config, this.#kvContext(), gpu.profile);
    this.limits = {
      maxBatchSize: config.maxBatchSize,
      numBlocks: config.numBlocks,
      blockSize: config.blockSize,
      sessionLen: config.sessionLen,
      maxPrefillTokenNum: config.maxPrefillTokenNum,
      maxStepsPerSubmit: config.maxStepsPerSubmit,
      vocabSize: decoder.config.vocabSize,
      maxImageRows: images?.maxRows ?? 0,
      maxSharedLen: sharedLength(decoder.config.rope),
    };
  }

  /** Uploads constants and compiles every pipeline that steps will use. */
  static async create(parts: RunnerParts): Promise<GpuModelRunner> {
    const { gpu, config, pokesQueue } = parts;
    const readbackBytes = config.maxBatchSize * RING_LENGTH * 4;
    const readback = await Readback.create(gpu, MAX_READBACKS, readbackBytes, pokesQueue);
    const runner = new GpuModelRunner(parts, readback);
    runner.#writeRope(0, 1);
    await runner.#recorder.compile(runner.#warmup());
    return runner;
  }

  get counters(): RunnerCounters {
    const { objects, submits, passes, dispatches } = this.#parts.gpu.counters;
    return {
      steps: this.#numSteps,
      submits,
      passes,
      dispatches,
      gpuObjects: objects,
      readbackBytes: this.#readback.bytes,
      imagesEncoded: this.#parts.images?.numEncoded ?? 0,
    };
  }

  beginSequence(begin: BeginSequence): void {
    const { gpu, buffers, decoder, sizes } = this.#parts;
    // Not of what was generated: a sequence that was preempted comes back to the table that it had.
    const length = begin.promptIds.length;
    const isOwn = needsOwnTable(decoder.config.rope, length);
    this.#ropeBase[begin.slot] = isOwn ? (1 + begin.slot) * sizes.sessionLen : 0;
    if (isOwn) this.#writeRope(1 + begin.slot, length);
    startSlot(gpu, buffers, decoder.config.vocabSize, begin);
  }

  async execute(plan: StepPlan): Promise<StepResult> {
    try {
      return await this.#submit(plan);
    } catch (error) {
      throw error instanceof PagemindError ? error : await this.#parts.gpu.explain(error);
    }
  }

  /** Writes the rotary table with this number, as it is for sequences of `length` tokens. */
  #writeRope(table: number, length: number): void {
    const { gpu, buffers, decoder, sizes } = this.#parts;
    const { rope, localRope } = decoder.config;
    const write = (buffer: GPUBuffer, config: RopeConfig): void =>
      gpu.queue.writeBuffer(
        buffer,
        table * sizes.sessionLen * config.dims * 4,
        ropeTable(config, sizes.sessionLen, length),
      );
    write(buffers.rope, rope);
    if (localRope) write(buffers.localRope, localRope);
  }

  dispose(): void {
    this.#recorder.clear();
    this.#parts.gpu.dispose();
  }

  #submit(plan: StepPlan): Promise<StepResult> {
    const { sequences, numSteps } = plan;
    const { gpu, buffers, sizes } = this.#parts;
    for (const sequence of sequences) this.#writeBlocks(sequence);
    const batch = this.#batch;
    const ranges = batch.fill(sequences, this.#tileTokens, (slot) => this.#ropeBase[slot] ?? 0);
    invariant(batch.numRows <= sizes.maxRows, 'a step has more tokens than its buffers');
    invariant(numSteps === 1 || batch.isDecode, 'only decode steps are repeated');
    this.#writeRows();
    for (const [i, { images }] of sequences.entries()) this.#placeImages(images, ranges[i] as RowRange);
    if (sequences.some(({ wantsLogits }) => wantsLogits)) return this.#executeForLogits(plan, ranges);

    const shape = this.#shapeOf(plan);
    const launches = this.#launches(shape);
    const slots = sequences.filter(({ sample: samples }) => samples).map(({ slot }) => slot);
    this.#numSteps += numSteps;
    if (slots.length === 0) {
      gpu.submit(launches);
      return gpu.queue.onSubmittedWorkDone().then(() => ({ sequences: [] }));
    }
    const [firstSlot, lastSlot] = [Math.min(...slots), Math.max(...slots)];
    const slotBytes = RING_LENGTH * 4;
    const numBytes = (lastSlot - firstSlot + 1) * slotBytes;
    const target = this.#readback.take();
    invariant(target, 'more steps are under way than results can be');
    gpu.submit(repeat(launches, numSteps), (encoder) => {
      encoder.copyBufferToBuffer(buffers.ring, firstSlot * slotBytes, target, 0, numBytes);
    });
    this.#advanceRows(batch.isDecode ? numSteps : 0);
    return this.#readback.map(target, numBytes).then((ring) => ({
      sequences: sequences.flatMap((sequence) =>
        sequence.sample ? [this.#readRing(sequence, numSteps, ring, firstSlot)] : [],
      ),
    }));
  }

  /** Launches of a step: replayed for decode, recorded anew for prefill, whose grids hardly ever repeat. */
  #launches(shape: StepShape): Iterable<Launch> {
    if (shape.path === 'decode') {
      return this.#recorder.launches(JSON.stringify(shape), this.#recording(shape));
    }
    const launches: Launch[] = [];
    this.#recording(shape)((...step) => launches.push(this.#parts.gpu.launch(...step)));
    return launches;
  }

  /** The whole step: forward pass, head and sampler. */
  #recording(shape: StepShape): Recording {
    return (dispatch) => {
      const ctx = this.#context(shape, dispatch);
      this.#parts.decoder.forward(ctx);
      if (shape.numSampled === 0) return;
      this.#parts.decoder.head(ctx);
      sample(ctx, this.#parts.buffers, this.limits.vocabSize);
    };
  }

  #context(shape: StepShape, dispatch: Dispatch): ForwardContext {
    const { gpu, buffers, kv } = this.#parts;
    return { profile: gpu.profile, dispatch, shape, buffers, kv, ...this.#kvContext() };
  }

  #kvContext(): KvContext {
    const { config, sizes } = this.#parts;
    return { kvDtype: config.kvDtype, pageSize: config.blockSize, maxPages: maxPagesOf(sizes) };
  }

  #shapeOf({ sequences, numSteps }: StepPlan): StepShape {
    const { numRows, numTiles, numSampled, isDecode } = this.#batch;
    if (!isDecode) return { numRows, path: 'prefill', numSplits: 1, numTiles, numSampled };
    const longest = Math.max(...sequences.map(({ startPosition }) => startPosition + numSteps));
    return { numRows, path: 'decode', numSplits: this.#bucketSplits(longest), numTiles: 0, numSampled };
  }

  /** Splits for `length` keys, rounded up to a power of two so that few lists are recorded. */
  #bucketSplits(length: number): number {
    const most = Math.ceil(this.#parts.sizes.sessionLen / SPLIT_LENGTH);
    return Math.min(2 ** Math.ceil(Math.log2(Math.ceil(length / SPLIT_LENGTH))), most);
  }

  /** One recording for every pipeline that a step may need. */
  *#warmup(): Iterable<Recording> {
    const { gpu, buffers } = this.#parts;
    if (this.#parts.images) yield* this.#parts.images.warmup();
    yield (dispatch) => countTokens(dispatch, gpu, buffers, this.limits.vocabSize, 1);
    const { maxBatchSize, sessionLen, maxPrefillTokenNum } = this.limits;
    const splits = new Set([1, this.#bucketSplits(sessionLen)]);
    for (let numRows = 1; numRows <= maxBatchSize; numRows++) {
      for (const numSplits of splits) {
        yield this.#recording({ numRows, path: 'decode', numSplits, numTiles: 0, numSampled: numRows });
      }
    }
    for (let numRows = 2; numRows < 2 * maxPrefillTokenNum; numRows *= 2) {
      const size = Math.min(numRows, maxPrefillTokenNum);
      yield this.#recording({ numRows: size, path: 'prefill', numSplits: 1, numTiles: 1, numSampled: 1 });
    }
  }

  #writeBlocks({ slot, firstBlock, newBlocks }: ScheduledSequence): void {
    if (newBlocks.length === 0) return;
    const { gpu, buffers, sizes } = this.#parts;
    const maxPages = maxPagesOf(sizes);
    invariant(firstBlock + newBlocks.length <= maxPages, 'a block table is longer than its row');
    gpu.queue.writeBuffer(buffers.pageTable, (slot * maxPages + firstBlock) * 4, new Uint32Array(newBlocks));
  }

  #placeImages(spans: readonly ImageSpan[], { first }: RowRange): void {
    const { images: runner, buffers } = this.#parts;
    for (const span of spans) {
      invariant(runner, 'a model without a tower takes no images');
      runner.place(span, first + span.firstToken, buffers.residual);
    }
  }

  #writeRows(): void {
    const { gpu, buffers } = this.#parts;
    const { rows, tiles, sampleRows, numRows, numTiles, numSampled, isDecode } = this.#batch;
    const words = numRows * 4;
    if (isDecode && rows.subarray(0, words).every((word, i) => word === this.#rowsOnGpu[i])) return;
    gpu.queue.writeBuffer(buffers.rows, 0, rows, 0, words);
    gpu.queue.writeBuffer(buffers.sampleRows, 0, sampleRows, 0, numSampled);
    if (!isDecode) gpu.queue.writeBuffer(buffers.tiles, 0, tiles, 0, numTiles * 4);
    this.#rowsOnGpu.set(rows.subarray(0, words));
    if (!isDecode || numSampled !== numRows) this.#rowsOnGpu.fill(0, 0, words);
  }

  /** The sampler moves the rows of a decode step on by itself; the copy here follows. */
  #advanceRows(numSteps: number): void {
    for (let row = 0; row < this.#batch.numRows && numSteps > 0; row++) {
      this.#rowsOnGpu[row * 4 + 1] = (this.#rowsOnGpu[row * 4 + 1] ?? 0) + numSteps;
      this.#rowsOnGpu[row * 4 + 3] = (this.#rowsOnGpu[row * 4 + 3] ?? 0) + numSteps;
    }
  }

  /** Ids that a submission sampled for a sequence; entries behind a done flag are from earlier laps of the ring. */
  #readRing(
    { slot, startPosition, tokens }: ScheduledSequence,
    numSteps: number,
    ring: Uint32Array,
    firstSlot: number,
  ): SequenceResult {
    const base = (slot - firstSlot) * RING_LENGTH;
    const firstPosition = startPosition + Math.max(tokens.length, 1);
    const sampled: number[] = [];
    let isDone = false;
    for (let step = 0; step < numSteps && !isDone; step++) {
      const entry = ring[base + ((firstPosition + step) % RING_LENGTH)] ?? 0;
      sampled.push((entry & ~DONE) >>> 0);
      isDone = (entry & DONE) !== 0;
    }
    return { slot, tokens: sampled, isDone };
  }

  /** A step whose sequences want the logits of all their tokens: the head runs in slices, nothing is sampled. */
  async #executeForLogits({ sequences }: StepPlan, ranges: readonly RowRange[]): Promise<StepResult> {
    const { gpu, buffers, decoder } = this.#parts;
    const { numRows, numTiles, isDecode } = this.#batch;
    const vocabSize = this.limits.vocabSize;
    const strideBytes = rowStride(vocabSize) * 4;
    const numSplits = this.#bucketSplits(Math.max(...sequences.map(({ startPosition }) => startPosition + 1)));
    const shape: StepShape = isDecode
      ? { numRows, path: 'decode', numSplits, numTiles: 0, numSampled: 0 }
      : { numRows, path: 'prefill', numSplits: 1, numTiles, numSampled: 0 };
    gpu.submit(this.#launches(shape));
    this.#rowsOnGpu.fill(0, 0, numRows * 4);
    this.#numSteps++;

    const staging = gpu.create('logits', numRows * strideBytes, BufferUsage.mapRead | BufferUsage.copyDst);
    try {
      const sliceRows = maxLogitRows(vocabSize, this.limits.maxBatchSize);
      for (let row = 0; row < numRows; row += sliceRows) {
        const numSampled = Math.min(sliceRows, numRows - row);
        gpu.queue.writeBuffer(
          buffers.sampleRows,
          0,
          Uint32Array.from({ length: numSampled }, (_, i) => row + i),
        );
        const launches: Launch[] = [];
        decoder.head(this.#context({ ...shape, numSampled }, (...step) => launches.push(gpu.launch(...step))));
        gpu.submit(launches, (encoder) => {
          encoder.copyBufferToBuffer(buffers.logits, 0, staging, row * strideBytes, numSampled * strideBytes);
        });
      }
      await staging.mapAsync(MAP_READ);
      const all = new Float32Array(staging.getMappedRange());
      return {
        sequences: sequences.map(({ slot, wantsLogits }, index) => {
          const { first, count } = ranges[index] as RowRange;
          const logits = new Float32Array(wantsLogits ? count * vocabSize : 0);
          for (let row = 0; row < count && wantsLogits; row++) {
            const from = ((first + row) * strideBytes) / 4;
            logits.set(all.subarray(from, from + vocabSize), row * vocabSize);
          }
          return { slot, tokens: [], isDone: false, logits };
        }),
      };
    } finally {
      gpu.release(staging);
    }
  }
}

function* repeat(launches: Iterable<Launch>, times: number): Iterable<Launch> {
  for (let i = 0; i < times; i++) yield* launches;
}
