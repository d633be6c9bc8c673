// Runs one decoder layer at a time on the device, for calibration: the engine's own forward pass, over batches whose hidden
// states wait in memory between layers. What is measured meanwhile is calibrate.ts.
import type { GpuContext, Launch } from '../gpu/context.js';
import { readBuffer } from '../gpu/read-buffer.js';
import type { Dispatch, Recording } from '../gpu/recorder.js';
import { BufferUsage } from '../gpu/usage.js';
import { queryTileTokens } from '../layers/attention.js';
import { type ForwardContext, rowStride } from '../layers/context.js';
import { embedding, type TablePart } from '../layers/embedding.js';
import type { LoadedMatrix } from '../load/weight-loader.js';
import type { DecoderConfig } from '../models/decoder-config.js';
import { ropeTable } from '../models/rope.js';
import { InputBatch } from '../runner/input-batch.js';
import { KvCache } from '../runner/kv-cache.js';
import type { ScheduledSequence } from '../runner/runner.js';
import { allocateBuffers, maxPagesOf, type RunnerBuffers, type StepSizes } from '../runner/step-buffers.js';

/** Hidden states of a batch, `[numRows, stride]`: what goes into a layer, or comes out. */
export type HiddenStates = Float32Array<ArrayBuffer>;

/** Sees the rows that go into every product, and may dispatch something before it. */
export type Observer = (dispatch: Dispatch, matrix: LoadedMatrix, x: GPUBuffer) => void;

const PAGE_SIZE = 32;
const STAGING_BYTES = 4 * 2 ** 20;

export class LayerRunner {
  readonly gpu: GpuContext;
  readonly config: DecoderConfig;
  /** Elements between rows of hidden states. */
  readonly stride: number;
  readonly buffers: RunnerBuffers;
  readonly #kv: GPUBuffer;
  readonly #staging: GPUBuffer;
  readonly #batch: InputBatch;
  readonly #sizes: StepSizes;
  readonly #tileTokens: number;

  private constructor(
    gpu: GpuContext,
    config: DecoderConfig,
    sizes: StepSizes,
    buffers: RunnerBuffers,
    kv: GPUBuffer,
    staging: GPUBuffer,
  ) {
    this.gpu = gpu;
    this.config = config;
    this.stride = rowStride(config.hiddenSize);
    this.buffers = buffers;
    this.#kv = kv;
    this.#staging = staging;
    this.#sizes = sizes;
    this.#batch = new InputBatch(sizes.maxRows, false);
    this.#tileTokens = queryTileTokens(config, this.#kvContext(), gpu.profile);
  }

  /**
   * Allocates what batches of `batchSize` sequences of `seqlen` tokens take.
   * @throws PagemindError `out_of_memory`.
   */
  static async create(gpu: GpuContext, config: DecoderConfig, batchSize: number, seqlen: number): Promise<LayerRunner> {
    const maxRows = batchSize * seqlen;
    const sizes = { maxRows, maxBatchSize: batchSize, sessionLen: seqlen, pageSize: PAGE_SIZE };
    const buffers = await allocateBuffers(gpu, config, sizes);
    const numPages = batchSize * maxPagesOf(sizes);
    const kv = await KvCache.create(gpu, { ...config, numLayers: 1 }, numPages, PAGE_SIZE, 'f32');
    const staging = await gpu.allocate('staging', STAGING_BYTES, BufferUsage.mapRead | BufferUsage.copyDst);
    const { rope, localRope } = config;
    gpu.queue.writeBuffer(buffers.rope, 0, ropeTable(rope, seqlen, seqlen));
    if (localRope) gpu.queue.writeBuffer(buffers.localRope, 0, ropeTable(localRope, seqlen, seqlen));
    gpu.queue.writeBuffer(
      buffers.pageTable,
      0,
      Uint32Array.from({ length: numPages }, (_, page) => page),
    );
    return new LayerRunner(gpu, config, sizes, buffers, kv.layers[0] as GPUBuffer, staging);
  }

  /** Prepares for a batch of sequences; their ids count for {@link embed} alone. */
  begin(sequences: readonly (readonly number[])[]): void {
    const { gpu, buffers } = this;
    const shares = sequences.map(
      (tokens, slot): ScheduledSequence => ({
        ...{ slot, startPosition: 0, tokens, numProposed: 0, images: [], firstBlock: 0, newBlocks: [] },
        ...{ sample: false, wantsLogits: false },
      }),
    );
    this.#batch.fill(shares, this.#tileTokens, () => 0);
    gpu.queue.writeBuffer(buffers.rows, 0, this.#batch.rows, 0, this.#batch.numRows * 4);
    gpu.queue.writeBuffer(buffers.tiles, 0, this.#batch.tiles, 0, this.#batch.numTiles * 4);
  }

  /** Most tokens of a batch. */
  get maxRows(): number {
    return this.#sizes.maxRows;
  }

  /** Tokens of the batch. */
  get numRows(): number {
    return this.#batch.numRows;
  }

  /** Hidden states of the batch's tokens before the first layer. */
  async embed(table: readonly TablePart[]): Promise<HiddenStates> {
    this.run((ctx) => embedding(ctx, table, ctx.buffers.residual, this.config.embeddingScale));
    return this.read();
  }

  /** Puts hidden states into the residual stream. */
  write(hidden: HiddenStates): void {
    this.gpu.queue.writeBuffer(this.buffers.residual, 0, hidden);
  }

  /** The residual stream. */
  read(): Promise<HiddenStates> {
    return this.readFloats(this.buffers.residual, this.numRows * this.stride);
  }

  /** The first `length` numbers of a buffer. */
  async readFloats(buffer: GPUBuffer, length: number): Promise<Float32Array<ArrayBuffer>> {
    const floats = new Float32Array(length);
    await readBuffer(this.gpu, this.#staging, buffer, 0, new Uint8Array(floats.buffer));
    return floats;
  }

  /** Submits what `record` dispatches in a context for the batch; then copies, if told. */
  run(
    record: (ctx: ForwardContext) => void,
    observe?: Observer,
    afterPass?: (encoder: GPUCommandEncoder) => void,
  ): void {
    const launches: Launch[] = [];
    const recording: Recording = (dispatch) => {
      const { numRows, numTiles } = this.#batch;
      record({
        profile: this.gpu.profile,
        dispatch,
        shape: { numRows, path: 'prefill', numSplits: 1, numTiles, numSampled: 0, wantsLogprobs: false },
        isInvariant: false,
        buffers: this.buffers,
        kv: Array.from({ length: this.config.numLayers }, () => this.#kv),
        ...this.#kvContext(),
        ...(observe && { observe: (matrix, x) => observe(dispatch, matrix, x) }),
      });
    };
    recording((plan, bound) => void launches.push(this.gpu.launch(plan, bound)));
    this.gpu.submit(launches, afterPass);
  }

  #kvContext(): Pick<ForwardContext, 'kvDtype' | 'pageSize' | 'maxPages'> {
    return { kvDtype: 'f32', pageSize: PAGE_SIZE, maxPages: maxPagesOf(this.#sizes) };
  }
}
