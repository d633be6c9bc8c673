// Encodes images and puts their rows where a step's embeddings go. All of it is queued before the step, in order, so that
// nobody waits: an image is encoded when a step first needs it, tile by tile in submissions of their own, and its features
// stay in a cache. What an image is made of is decided in models/vlm.
import type { GpuContext, Launch } from '../gpu/context.js';
import { Recorder, type Recording } from '../gpu/recorder.js';
import { type KernelContext, rowStride } from '../layers/context.js';
import { gatherRows } from '../layers/gather.js';
import type { LoadedVector } from '../load/weight-loader.js';
import { patchPixels } from '../models/vision/vision-config.js';
import { patchify } from '../models/vision/vit.js';
import type { ImageEncoder } from '../models/vlm/projector.js';
import { type Placement, rowsPerTile } from '../models/vlm/vlm-config.js';
import { FeatureCache } from './feature-cache.js';
import { type ImageBuffers, writeLayout } from './image-buffers.js';
import type { ImageSpan, RunnerImage } from './runner.js';
import { type TileLayout, tileLayout } from './tile-layout.js';

export interface ImageRunnerParts {
  readonly gpu: GpuContext;
  readonly encoder: ImageEncoder;
  /** Rows behind those of all tiles, where a family has some: one that ends a line of the grid. */
  readonly extraRows: LoadedVector | undefined;
  readonly buffers: ImageBuffers;
  /** Rows of a tile above which its layers go to the GPU one by one: systems take the GPU from what holds it for seconds. */
  readonly maxRowsAtOnce?: number;
}

const MAX_ROWS_AT_ONCE = 2048;

/** Dispatches of about a layer. */
const LAYER_DISPATCHES = 8;

export class ImageRunner {
  readonly #parts: ImageRunnerParts;
  readonly #cache: FeatureCache;
  readonly #recorder: Recorder;
  /** Of every tile, unless images keep their shape. */
  readonly #layout: TileLayout;
  #numEncoded = 0;

  constructor(parts: ImageRunnerParts) {
    this.#parts = parts;
    this.#cache = new FeatureCache(parts.buffers.numFeatureRows);
    this.#recorder = new Recorder(parts.gpu);
    this.#layout = tileLayout(parts.encoder.config, parts.gpu.profile);
  }

  /** Images encoded since the start; one that was found in the cache does not count. */
  get numEncoded(): number {
    return this.#numEncoded;
  }

  /** Rows of the largest image that can be encoded. */
  get maxRows(): number {
    return this.#parts.buffers.numFeatureRows;
  }

  /** One recording for every pipeline that an image may need. */
  *warmup(): Iterable<Recording> {
    const { buffers, encoder, gpu } = this.#parts;
    const { features, gatherIndex, gatherWeights } = buffers;
    yield this.#encodeTile(this.#layout);
    // Products of few rows have other pipelines.
    const { tower, pixelShuffle: side } = encoder.config;
    if (tower.positions === 'rotary') {
      yield this.#encodeTile(tileLayout(encoder.config, gpu.profile, { rows: side, cols: side }));
    }
    const shape = { numRows: 1, width: this.#width };
    const use = { source: features, destination: features, index: gatherIndex };
    yield (dispatch) => gatherRows({ profile: gpu.profile, dispatch }, shape, use);
    const { maxTaps: taps } = encoder.config;
    if (taps === 1) return;
    yield (dispatch) =>
      gatherRows({ profile: gpu.profile, dispatch }, { ...shape, taps }, { ...use, weights: gatherWeights });
  }

  /**
   * Puts rows of an image into `residual`, before the step that is submitted next.
   * @param firstRow row of the step that the span begins at
   */
  place({ image, firstFeature, numRows }: ImageSpan, firstRow: number, residual: GPUBuffer): void {
    const { gpu, buffers } = this.#parts;
    const first = firstFeature + (this.#cache.find(image.hash) ?? this.#encode(image));
    const index = new Uint32Array(numRows * 2);
    for (let i = 0; i < numRows; i++) index.set([firstRow + i, first + i], i * 2);
    gpu.queue.writeBuffer(buffers.gatherIndex, 0, index);
    const use = { source: buffers.features, destination: residual, index: buffers.gatherIndex };
    this.#submit((ctx) => gatherRows(ctx, { numRows, width: this.#width }, use));
  }

  /** Encodes an image into the cache; gives its first row there. */
  #encode({ hash, tiles, highRes, numTiles, placement }: RunnerImage): number {
    const { gpu, encoder, extraRows, buffers, maxRowsAtOnce = MAX_ROWS_AT_ONCE } = this.#parts;
    const { tower } = encoder.config;
    const samTower = encoder.config.highRes?.sam.tower;
    const { projected } = buffers.projector;
    const layout = this.#layoutOf(placement);
    const { numPatches } = layout.shape;
    const numTokens = Math.max(layout.shape.numTokens, buffers.highRes?.tile.numTokens ?? 0);
    const rowBytes = rowStride(this.#width) * 4;
    const tileBytes = rowsPerTile(encoder.config, numPatches) * rowBytes;
    const extraBytes = (extraRows?.length ?? 0) * 4;
    const launches = this.#launches(layout);
    const atOnce = numTokens > maxRowsAtOnce ? LAYER_DISPATCHES : launches.length;
    const rows = gpu.create('image tiles', numTiles * tileBytes + extraBytes);
    try {
      for (let tile = 0; tile < numTiles; tile++) {
        const pixels = (all: Float32Array): Float32Array => {
          const tileLength = all.length / numTiles;
          return all.subarray(tile * tileLength, (tile + 1) * tileLength);
        };
        const patches = patchify(tower, pixels(tiles), rowStride(patchPixels(tower)), layout.grid);
        gpu.queue.writeBuffer(buffers.vit.patches, 0, patches);
        if (samTower && buffers.highRes && highRes) {
          const more = patchify(samTower, pixels(highRes), rowStride(patchPixels(samTower)));
          gpu.queue.writeBuffer(buffers.highRes.vit.patches, 0, more);
        }
        const keep = (encoder: GPUCommandEncoder): void => {
          encoder.copyBufferToBuffer(projected, 0, rows, tile * tileBytes, tileBytes);
          if (extraRows) encoder.copyBufferToBuffer(extraRows.buffer, 0, rows, numTiles * tileBytes, extraBytes);
        };
        for (let first = 0; first < launches.length; first += atOnce) {
          const isLast = first + atOnce >= launches.length;
          gpu.submit(launches.slice(first, first + atOnce), isLast ? keep : undefined);
        }
      }
      const firstRow = this.#cache.reserve(hash, placement.numRows);
      this.#assemble(placement, firstRow, rows);
      this.#numEncoded++;
      return firstRow;
    } finally {
      gpu.release(rows);
    }
  }

  /** Rows of tiles → rows of the image, from `firstRow` of the cache on. */
  #assemble({ numRows, taps, sources, weights }: Placement, firstRow: number, rows: GPUBuffer): void {
    const { gpu, buffers } = this.#parts;
    const index = new Uint32Array(numRows * (1 + taps));
    for (let row = 0; row < numRows; row++) {
      index[row * (1 + taps)] = firstRow + row;
      index.set(sources.subarray(row * taps, (row + 1) * taps), row * (1 + taps) + 1);
    }
    gpu.queue.writeBuffer(buffers.gatherIndex, 0, index);
    if (weights) gpu.queue.writeBuffer(buffers.gatherWeights, 0, weights);
    const use = {
      source: rows,
      destination: buffers.features,
      index: buffers.gatherIndex,
      ...(weights && { weights: buffers.gatherWeights }),
    };
    this.#submit((ctx) => gatherRows(ctx, { numRows, width: this.#width, taps }, use));
  }

  /** The layout of an image's tiles, whose tables are then on the GPU. */
  #layoutOf({ grid }: Placement): TileLayout {
    if (!grid) return this.#layout;
    const { gpu, encoder, buffers } = this.#parts;
    const { profile } = gpu;
    const { pixelShuffle } = encoder.config;
    const patches = { rows: grid.rows * pixelShuffle, cols: grid.cols * pixelShuffle };
    const layout = tileLayout(encoder.config, profile, patches);
    writeLayout(gpu, buffers, layout);
    return layout;
  }

  #launches(layout: TileLayout): readonly Launch[] {
    const recording = this.#encodeTile(layout);
    if (layout === this.#layout) return this.#recorder.launches('tile', recording);
    return this.#record((ctx) => recording(ctx.dispatch));
  }

  #encodeTile({ shape: tile }: TileLayout): Recording {
    const { gpu, encoder, buffers } = this.#parts;
    return (dispatch) => encoder.forward({ profile: gpu.profile, dispatch, ...buffers, tile });
  }

  #record(record: (ctx: KernelContext) => void): readonly Launch[] {
    const { gpu } = this.#parts;
    const launches: Launch[] = [];
    record({ profile: gpu.profile, dispatch: (...step) => launches.push(gpu.launch(...step)) });
    return launches;
  }

  #submit(record: (ctx: KernelContext) => void): void {
    this.#parts.gpu.submit(this.#record(record));
  }

  /** Elements of a row of features: the decoder's hidden size. */
  get #width(): number {
    return this.#parts.encoder.config.projector.at(-1)?.numOutputs ?? 0;
  }
}
