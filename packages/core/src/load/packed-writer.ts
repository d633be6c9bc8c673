// Lays packed weights out in files: which plane goes where, and each file whole with its header and hashes. Where the bytes
// of planes come from, and where files go, is the caller's business. docs/formats.md describes the layout.
import { invariant } from '../errors.js';
import {
  MAX_CHUNK_BYTES,
  type PackedWeight,
  packedMetadata,
  planeBytesOf,
  planeDtype,
  planeTensor,
} from './packed-format.js';
import type { SafetensorsDtype } from './safetensors.js';
import { safetensorsHeader } from './safetensors-writer.js';
import { sha256 } from './sha256.js';

/** Bytes `start` to `start + length` of a plane, as one tensor. */
export interface ShardTensor {
  readonly name: string;
  readonly weight: string;
  readonly plane: string;
  readonly start: number;
  readonly length: number;
}

/** One file of a packed checkpoint. */
export interface Shard {
  readonly path: string;
  readonly tensors: readonly ShardTensor[];
}

/** Fills `into` with the bytes of a plane from `start` on. */
export type ReadPlane = (tensor: ShardTensor, into: Uint8Array<ArrayBuffer>) => Promise<void>;

/** Files are small enough for every host and cache, and one is held in memory while it is written. */
export const MAX_SHARD_BYTES: number = 64 * 1024 * 1024;

/** What a header may take: a part of its own, the entries of a tensor, the hash of a chunk. */
const [HEADER_BYTES, TENSOR_BYTES, HASH_BYTES] = [1024, 512, 65];

export class PackedWriter {
  /** In the order to write them. */
  readonly shards: readonly Shard[];
  readonly #weights: ReadonlyMap<string, PackedWeight>;
  readonly #dtype: SafetensorsDtype | undefined;
  readonly #maxShardBytes: number;
  readonly #chunkBytes: number;

  /** @param dtype of the matrices before they were packed */
  constructor(
    weights: ReadonlyMap<string, PackedWeight>,
    dtype: SafetensorsDtype | undefined,
    maxShardBytes: number = MAX_SHARD_BYTES,
    chunkBytes: number = MAX_CHUNK_BYTES,
  ) {
    this.#weights = weights;
    this.#dtype = dtype;
    this.#maxShardBytes = maxShardBytes;
    this.#chunkBytes = chunkBytes;
    const files = this.#distribute();
    const number = (i: number): string => String(i).padStart(5, '0');
    const path = (i: number): string =>
      files.length === 1 ? 'model.safetensors' : `model-${number(i + 1)}-of-${number(files.length)}.safetensors`;
    this.shards = files.map((tensors, i) => ({ path: path(i), tensors }));
  }

  /** The bytes of a file. */
  async file({ tensors }: Shard, readPlane: ReadPlane): Promise<Uint8Array<ArrayBuffer>> {
    const chunkBytes = this.#chunkBytes;
    const dataBytes = tensors.reduce((sum, { length }) => sum + length, 0);
    const numChunks = Math.ceil(dataBytes / chunkBytes);
    const unknown = Array.from({ length: numChunks }, () => '0'.repeat(64));
    const dataStart = this.#header(tensors, unknown).length;
    const file = new Uint8Array(dataStart + dataBytes);
    invariant(file.length <= this.#maxShardBytes, `a file takes ${file.length} bytes`);
    let at = dataStart;
    for (const tensor of tensors) {
      await readPlane(tensor, file.subarray(at, at + tensor.length));
      at += tensor.length;
    }
    const hashes: string[] = [];
    for (let start = dataStart; start < file.length; start += chunkBytes) {
      hashes.push(await sha256(file.subarray(start, start + chunkBytes)));
    }
    file.set(this.#header(tensors, hashes));
    return file;
  }

  /** The index of several files, as the hub has it; undefined for one file. */
  index(): string | undefined {
    if (this.shards.length === 1) return undefined;
    const all = this.shards.flatMap(({ path, tensors }) => tensors.map((tensor) => ({ path, ...tensor })));
    const index = {
      metadata: { total_size: all.reduce((sum, { length }) => sum + length, 0) },
      weight_map: Object.fromEntries(all.map(({ name, path }) => [name, path])),
    };
    return `${JSON.stringify(index, undefined, 2)}\n`;
  }

  /** Planes by file, in order; a plane that is larger than a file is cut into parts. */
  #distribute(): ShardTensor[][] {
    const cost = (length: number): number => length + TENSOR_BYTES + HASH_BYTES * Math.ceil(length / this.#chunkBytes);
    const capacity = this.#maxShardBytes - HEADER_BYTES;
    const perByte = 1 + HASH_BYTES / this.#chunkBytes;
    const maxLength = Math.floor((capacity - TENSOR_BYTES - HASH_BYTES) / perByte / 4) * 4;
    const files: ShardTensor[][] = [];
    let room = 0;
    const put = (tensor: ShardTensor): void => {
      if (cost(tensor.length) > room) {
        files.push([]);
        room = capacity;
      }
      files.at(-1)?.push(tensor);
      room -= cost(tensor.length);
    };
    for (const [weight, packed] of this.#weights) {
      for (const [plane, bytes] of Object.entries(planeBytesOf(packed))) {
        const isWhole = cost(bytes) <= capacity;
        for (let start = 0, part = 0; start < bytes; part++) {
          const length = isWhole ? bytes : Math.min(maxLength, bytes - start);
          put({ name: planeTensor(weight, plane, isWhole ? undefined : part), weight, plane, start, length });
          start += length;
        }
      }
    }
    return files;
  }

  #header(tensors: readonly ShardTensor[], hashes: readonly string[]): Uint8Array<ArrayBuffer> {
    const weights = new Map<string, PackedWeight>();
    const entries = tensors.map(({ name, weight, length }) => {
      const packed = this.#weights.get(weight);
      invariant(packed, `${weight} is one of the weights`);
      weights.set(weight, packed);
      const dtype = planeDtype(packed.kind === 'matrix' ? packed.options : undefined);
      return { name, dtype, shape: [length / 4], length };
    });
    const metadata = { dtype: this.#dtype, weights, chunkBytes: this.#chunkBytes, sha256: hashes };
    return safetensorsHeader(entries, packedMetadata(metadata));
  }
}
