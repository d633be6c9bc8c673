// Runs steps of a loaded model on the GPU: packs a plan, records or replays its dispatches, submits, and hands out the
// sampled ids when they arrive. What may live here: the order of these acts. What may not: scheduling, text, sampling
// rules, anything about a family; sizes of buffers are in step-buffers, the packing in input-batch. Keep it that way.

import type { EngineConfig } from '../config.js';
import { invariant, PagemindError } from '../errors.js';
import type { GpuContext, Launch } from '../gpu/context.js';
import { type Dispatch, Recorder, type Recording } from '../gpu/recorder.js';
import { type KvContext, queryTileTokens, SPLIT_LENGTH } from '../layers/attention.js';
import type { ForwardContext, StepShape } from '../layers/context.js';
import { MAX_MATVEC_ROWS } from '../layers/linear.js';
import { clearCounts, markTokens, sample, setVerifying, startSlot } from '../layers/sampler.js';
import type { Decoder } from '../models/decoder.js';
import { tokenPositions } from '../models/mrope.js';
import { needsOwnTable, type RopeConfig, ropeTable, sharedLength } from '../models/rope.js';
import { ForcedLogits } from './forced-logits.js';
import type { ImageRunner } from './image-runner.js';
import { InputBatch, type RowRange } from './input-batch.js';
import type { KvCache } from './kv-cache.js';
import { readPages, writePages } from './kv-pages.js';
import { Readback } from './readback.js';
import type {
  BeginSequence,
  ImageSpan,
  ModelRunner,
  RunnerCounters,
  RunnerLimits,
  ScheduledSequence,
  StepPlan,
  StepResult,
} from './runner.js';
import { MAX_READBACKS, maxLogitRows, maxPagesOf, type RunnerBuffers, type StepSizes } from './step-buffers.js';
import { maxResultBytes, StepResults } from './step-results.js';

/** What a runner is made of; all of it is released by {@link GpuModelRunner.dispose} through the context. */
export interface RunnerParts {
  readonly gpu: GpuContext;
  readonly decoder: Decoder;
  readonly config: EngineConfig;
  readonly sizes: StepSizes;
  readonly buffers: RunnerBuffers;
  readonly kv: KvCache;
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
  /** Log probabilities that a slot's sequence asks for; see {@link StepResults}. */
  readonly #numTopLogprobs: (number | undefined)[] = [];
  /** Slots whose latest step brought proposals. */
  readonly #verifying = new Set<number>();
  /** What the GPU's row buffer holds, as far as it is known here; decode steps that continue it write nothing. */
  readonly #rowsOnGpu: Uint32Array<ArrayBuffer>;
  readonly #tileTokens: number;
  #numSteps = 0;

  private constructor(parts: RunnerParts, readback: Readback) {
    const { config, sizes, decoder, gpu, images } = parts;
    const maxSharedLen = sharedLength(decoder.config.rope);
    this.#parts = parts;
    this.#readback = readback;
    this.#recorder = new Recorder(gpu);
    this.#batch = new InputBatch(sizes.maxRows, !config.deterministic);
    this.#rowsOnGpu = new Uint32Array(this.#batch.rows.length);
    this.#ropeBase = new Uint32Array(config.maxBatchSize);
    this.#tileTokens = queryTileTokens(decoder.config, this.#kvContext(), gpu.profile);
    this.limits = {
      maxBatchSize: config.maxBatchSize,
      numBlocks: config.numBlocks,
      blockSize: config.blockSize,
      firstBlocks: config.firstBlocks,
      sessionLen: config.sessionLen,
      maxPrefillTokenNum: config.maxPrefillTokenNum,
      maxVerifyRows: MAX_MATVEC_ROWS,
      maxStepsPerSubmit: config.maxStepsPerSubmit,
      vocabSize: decoder.config.vocabSize,
      maxImageRows: images?.maxRows ?? 0,
      maxSharedLen,
      window: Math.max(...decoder.config.layers.map(({ window = Number.POSITIVE_INFINITY }) => window)),
      maxKeptLen: config.dynamicRope === 'recompute' ? maxSharedLen : Number.POSITIVE_INFINITY,
    };
  }

  /** Uploads constants and compiles every pipeline that steps will use. */
  static async create(parts: RunnerParts): Promise<GpuModelRunner> {
    const { gpu, config, pokesQueue } = parts;
    const readback = await Readback.create(gpu, MAX_READBACKS, maxResultBytes(config.maxBatchSize), pokesQueue);
    const runner = new GpuModelRunner(parts, readback);
    runner.#writeRope(0, 1, []);
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
      gpuBytes: this.#parts.gpu.allocated.bytes,
    };
  }

  beginSequence(begin: BeginSequence): void {
    const { gpu, buffers, config, decoder, sizes } = this.#parts;
    // Frozen, what was generated does not count: a sequence that was preempted comes back to the table that it had.
    const { promptIds, generatedIds, images } = begin;
    const length = promptIds.length + (config.dynamicRope === 'recompute' ? generatedIds.length : 0);
    const isOwn = needsOwnTable(decoder.config.rope, length, images.length > 0);
    this.#ropeBase[begin.slot] = isOwn ? (1 + begin.slot) * sizes.sessionLen : 0;
    if (isOwn) this.#writeRope(1 + begin.slot, length, images);
    this.#numTopLogprobs[begin.slot] = begin.params.numTopLogprobs;
    this.#verifying.delete(begin.slot);
    startSlot(gpu, buffers, decoder.config.vocabSize, begin);
  }

  growPool(numBlocks: number): Promise<void> {
    return this.#parts.kv.grow(numBlocks, () => this.#recorder.clear());
  }

  async execute(plan: StepPlan): Promise<StepResult> {
    try {
      return await this.#submit(plan);
    } catch (error) {
      throw error instanceof PagemindError ? error : await this.#parts.gpu.explain(error);
    }
  }

  get blockBytes(): number {
    const { layers, pageBytes } = this.#parts.kv;
    return layers.length * pageBytes;
  }

  readBlocks(blocks: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
    return readPages(this.#parts.gpu, this.#parts.kv, blocks);
  }

  writeBlocks(blocks: readonly number[], bytes: Uint8Array<ArrayBuffer>): void {
    writePages(this.#parts.gpu, this.#parts.kv, blocks, bytes);
  }

  dispose(): void {
    this.#recorder.clear();
    this.#parts.gpu.dispose();
  }

  /** Writes the rotary table with this number, as it is for sequences of `length` tokens with these images. */
  #writeRope(table: number, length: number, images: readonly ImageSpan[]): void {
    const { gpu, buffers, decoder, sizes } = this.#parts;
    const { rope, localRope } = decoder.config;
    const positions = rope.mropeSection && tokenPositions(images, sizes.sessionLen);
    const write = (buffer: GPUBuffer, config: RopeConfig): void =>
      gpu.queue.writeBuffer(
        buffer,
        table * sizes.sessionLen * config.dims * 4,
        ropeTable(config, sizes.sessionLen, length, positions),
      );
    write(buffers.rope, rope);
    if (localRope) write(buffers.localRope, localRope);
  }

  #submit(plan: StepPlan): Promise<StepResult> {
    const { sequences, numSteps } = plan;
    const { gpu, buffers, sizes } = this.#parts;
    for (const sequence of sequences) {
      this.#writeBlocks(sequence);
      this.#setVerifying(sequence);
    }
    const batch = this.#batch;
    const ranges = batch.fill(sequences, this.#tileTokens, (slot) => this.#ropeBase[slot] ?? 0);
    invariant(batch.numRows <= sizes.maxRows, 'a step has more tokens than its buffers');
    invariant(numSteps === 1 || batch.isDecode, 'only decode steps are repeated');
    this.#writeRows();
    for (const [i, { images }] of sequences.entries()) this.#placeImages(images, ranges[i] as RowRange);
    if (sequences.some(({ wantsLogits }) => wantsLogits)) return this.#executeForLogits(plan, ranges);

    const shape = this.#shapeOf(plan);
    const launches = this.#launches(shape);
    this.#numSteps += numSteps;
    if (shape.numSampled === 0) {
      gpu.submit(launches);
      return gpu.queue.onSubmittedWorkDone().then(() => ({ sequences: [] }));
    }
    const results = new StepResults(plan, (slot) => this.#numTopLogprobs[slot]);
    const target = this.#readback.take();
    invariant(target, 'more steps are under way than results can be');
    gpu.submit(repeat(launches, numSteps), (encoder) => results.copy(encoder, buffers, target));
    this.#advanceRows(batch.isDecode ? numSteps : 0);
    return this.#readback.map(target, results.numBytes).then((words) => ({ sequences: results.read(words) }));
  }

  /** Launches of a step: recorded anew for prefill, whose grids hardly ever repeat, and replayed for others. */
  #launches(shape: StepShape): Iterable<Launch> {
    if (shape.path !== 'prefill') {
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
    const { gpu, buffers, kv, config } = this.#parts;
    const isInvariant = config.deterministic;
    return { profile: gpu.profile, dispatch, shape, isInvariant, buffers, kv: kv.layers, ...this.#kvContext() };
  }

  #kvContext(): KvContext {
    const { config, sizes } = this.#parts;
    return { kvDtype: config.kvDtype, pageSize: config.blockSize, maxPages: maxPagesOf(sizes) };
  }

  #shapeOf({ sequences, numSteps }: StepPlan): StepShape {
    const { numRows, numTiles, numSampled, isDecode } = this.#batch;
    const wantsLogprobs = sequences.some(({ slot, sample }) => sample && this.#numTopLogprobs[slot] !== undefined);
    if (!isDecode) {
      const path = sequences.some(({ numProposed }) => numProposed > 0) ? 'verify' : 'prefill';
      return { numRows, path, numSplits: 1, numTiles, numSampled, wantsLogprobs };
    }
    const longest = Math.max(...sequences.map(({ startPosition }) => startPosition + numSteps));
    const numSplits = this.#bucketSplits(longest);
    return { numRows, path: 'decode', numSplits, numTiles: 0, numSampled, wantsLogprobs };
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
    const { maxBatchSize, sessionLen, maxPrefillTokenNum, vocabSize } = this.limits;
    yield (dispatch) => clearCounts(dispatch, gpu.profile, buffers, vocabSize);
    yield (dispatch) => markTokens(dispatch, gpu.profile, buffers, vocabSize, 1);
    const splits = new Set([1, this.#bucketSplits(sessionLen)]);
    for (let numRows = 1; numRows <= (this.#parts.config.deterministic ? 0 : maxBatchSize); numRows++) {
      for (const numSplits of splits) {
        const shape = { numRows, path: 'decode', numSplits, numTiles: 0, numSampled: numRows } as const;
        yield this.#recording({ ...shape, wantsLogprobs: true });
      }
    }
    for (let numRows = 2; numRows <= (this.#parts.config.speculative ? MAX_MATVEC_ROWS : 0); numRows++) {
      const shape = { numRows, path: 'verify', numSplits: 1, numTiles: 1, numSampled: numRows } as const;
      yield this.#recording({ ...shape, wantsLogprobs: true });
    }
    for (let numRows = 2; numRows < 2 * maxPrefillTokenNum; numRows *= 2) {
      const size = Math.min(numRows, maxPrefillTokenNum);
      const shape = { numRows: size, path: 'prefill', numSplits: 1, numTiles: 1, numSampled: 1 } as const;
      yield this.#recording({ ...shape, wantsLogprobs: true });
    }
  }

  #writeBlocks({ slot, firstBlock, newBlocks }: ScheduledSequence): void {
    if (newBlocks.length === 0) return;
    const { gpu, buffers, sizes } = this.#parts;
    const maxPages = maxPagesOf(sizes);
    invariant(firstBlock + newBlocks.length <= maxPages, 'a block table is longer than its row');
    gpu.queue.writeBuffer(buffers.pageTable, (slot * maxPages + firstBlock) * 4, new Uint32Array(newBlocks));
  }

  #setVerifying({ slot, numProposed }: ScheduledSequence): void {
    const verifies = numProposed > 0;
    if (this.#verifying.has(slot) === verifies) return;
    if (verifies) this.#verifying.add(slot);
    else this.#verifying.delete(slot);
    setVerifying(this.#parts.gpu, this.#parts.buffers, slot, verifies);
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

  /** A step whose tokens are all given: nothing is sampled, the head runs over all rows. */
  #executeForLogits({ sequences }: StepPlan, ranges: readonly RowRange[]): Promise<StepResult> {
    const { gpu, buffers, decoder } = this.#parts;
    const { numRows, numTiles, isDecode } = this.#batch;
    const numSplits = this.#bucketSplits(Math.max(...sequences.map(({ startPosition }) => startPosition + 1)));
    const shape: StepShape = isDecode
      ? { numRows, path: 'decode', numSplits, numTiles: 0, numSampled: 0, wantsLogprobs: false }
      : { numRows, path: 'prefill', numSplits: 1, numTiles, numSampled: 0, wantsLogprobs: false };
    gpu.submit(this.#launches(shape));
    this.#rowsOnGpu.fill(0, 0, numRows * 4);
    this.#numSteps++;
    const head = (numSampled: number): Launch[] => {
      const launches: Launch[] = [];
      decoder.head(this.#context({ ...shape, numSampled }, (...step) => launches.push(gpu.launch(...step))));
      return launches;
    };
    const { vocabSize, maxBatchSize } = this.limits;
    const sliceRows = maxLogitRows(vocabSize, maxBatchSize);
    return new ForcedLogits({ gpu, buffers, vocabSize, sliceRows, head }).read(sequences, ranges, numRows);
  }

  /** The sampler moves the rows of a decode step on by itself; the copy here follows. */
  #advanceRows(numSteps: number): void {
    for (let row = 0; row < this.#batch.numRows && numSteps > 0; row++) {
      this.#rowsOnGpu[row * 4 + 1] = (this.#rowsOnGpu[row * 4 + 1] ?? 0) + numSteps;
      this.#rowsOnGpu[row * 4 + 3] = (this.#rowsOnGpu[row * 4 + 3] ?? 0) + numSteps;
    }
  }
}

function* repeat(launches: Iterable<Launch>, times: number): Iterable<Launch> {
  for (let i = 0; i < times; i++) yield* launches;
}
