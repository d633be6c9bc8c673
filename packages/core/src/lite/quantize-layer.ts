// From a calibrated layer to the tensors that are written for it: smoothed and quantised by AWQ, or quantised by GPTQ. Pure;
// the math is quant's.
import {
  DEFAULT_RATIO,
  type GridOptions,
  type Matrix,
  quantizeGptq,
  quantizeMatrix,
  type StoredLayout,
  searchRanges,
  storeMatrix,
} from '@pagemind/quant';
import type { TensorData } from '../load/safetensors-writer.js';
import type { DecoderConfig } from '../models/decoder-config.js';
import { bestRatios, type LayerCalibration } from './calibrate-layer.js';
import {
  copyTensors,
  encodeTensor,
  type LayerSpecs,
  type LayerTensor,
  type LayerTensors,
  LINEAR_ROLES,
  type LinearRole,
} from './layer-tensors.js';
import { smoothLayer } from './smooth-layer.js';

/** How a layer is quantised. */
export interface LayerMethod {
  /** `rtn` is `awq` without smoothing. */
  readonly method: 'awq' | 'gptq' | 'rtn';
  readonly grid: GridOptions;
  /** AWQ: ratios were searched, and mean magnitudes count instead of the greatest. */
  readonly searchScale: boolean;
  /** Ranges of groups are searched, too. */
  readonly clip: boolean;
  /** GPTQ: see {@link GptqOptions}. */
  readonly damping: number;
  readonly layout: StoredLayout;
}

/** Tensors of the layer as they are stored, by the names that specs use. */
export function quantizeLayer(
  config: DecoderConfig,
  layer: LayerSpecs,
  original: LayerTensors,
  calibration: LayerCalibration,
  { method, grid, searchScale, clip, damping, layout }: LayerMethod,
): Readonly<Record<string, TensorData>> {
  const tensors = copyTensors(original);
  const perRole = <T>(of: (role: LinearRole) => T): Record<LinearRole, T> =>
    Object.fromEntries(LINEAR_ROLES.map((role) => [role, of(role)])) as Record<LinearRole, T>;
  const { statistics, losses, products } = calibration;
  let scales: ReadonlyMap<LinearRole, Float32Array> = new Map();
  if (method === 'awq') {
    const ratios = { ...perRole(() => DEFAULT_RATIO), ...(searchScale && bestRatios(losses)) };
    const activations = perRole((role) => (searchScale ? statistics[role].absmean : statistics[role].absmax));
    scales = smoothLayer(config, layer, tensors, { groupSize: grid.groupSize, activations, ratios });
  }
  const stored: Record<string, TensorData> = {};
  const linears = new Set<string>();
  for (const role of LINEAR_ROLES) {
    for (const name of layer.linears(role)) {
      linears.add(name);
      const matrix = tensors.get(name) as LayerTensor;
      const moments = products && new Moments(products[role], matrix.numCols, scales.get(role));
      const quantized =
        method === 'gptq' && moments
          ? quantizeGptq(matrix, moments.whole(), { ...grid, damping })
          : quantizeMatrix(
              matrix,
              grid,
              clip && isClipped(role) && moments ? rangesOf(matrix, moments, grid) : undefined,
            );
      const stem = name.replace(/\.weight$/, '');
      for (const [suffix, tensor] of Object.entries(storeMatrix(quantized, layout)))
        stored[`${stem}.${suffix}`] = tensor;
    }
  }
  for (const [name, tensor] of tensors) if (!linears.has(name)) stored[name] = encodeTensor(tensor);
  return stored;
}

/** Errors of queries and keys go through a softmax, of which the search knows nothing. */
function isClipped(role: LinearRole): boolean {
  return role !== 'qkv';
}

function rangesOf(matrix: Matrix, moments: Moments, grid: GridOptions): Float32Array<ArrayBuffer> {
  const numGroups = matrix.numCols / grid.groupSize;
  const groups = Array.from({ length: numGroups }, (_, group) =>
    Float32Array.from(moments.part(group * grid.groupSize, grid.groupSize)),
  );
  return searchRanges(matrix, groups, grid);
}

/** Sums of products of a product's inputs, as they are when its columns are scaled. */
class Moments {
  readonly #sums: Float32Array;
  readonly #stride: number;
  readonly #numCols: number;
  readonly #scales: Float32Array | undefined;

  constructor(sums: Float32Array, numCols: number, scales: Float32Array | undefined) {
    this.#sums = sums;
    this.#stride = Math.sqrt(sums.length);
    this.#numCols = numCols;
    this.#scales = scales;
  }

  whole(): Float64Array {
    return this.part(0, this.#numCols);
  }

  /** Those of `size` columns from `first` on, `[size, size]`. */
  part(first: number, size: number): Float64Array {
    return Float64Array.from({ length: size * size }, (_, i) => {
      const [a, b] = [first + Math.floor(i / size), first + (i % size)];
      const scale = this.#scales ? (this.#scales[a] as number) * (this.#scales[b] as number) : 1;
      return (this.#sums[a * this.#stride + b] as number) / scale;
    });
  }
}
