// The block-quantised types of GGUF files as they lie in the file: where the codes, scales and mins of a block are, and the
// numbers they stand for. How they lie on the device is ggml.ts.
import { f16ToF32 } from '../../half.js';

/** Block-quantised types that are read, as GGUF names them. */
export type GgmlType = 'Q4_0' | 'Q4_1' | 'Q5_0' | 'Q5_1' | 'Q8_0' | 'Q4_K' | 'Q5_K' | 'Q6_K';

/**
 * How the numbers of a block follow from its codes. `half`: scale * (code - zero); `pair`: scale * code + min; `k`: the same,
 * scale and min being multiples, of 6 bits, of the block's; `k16`: scale * (code - 32), a multiple of 8 bits for 16 columns.
 */
export type GgmlGrid = 'half' | 'pair' | 'k' | 'k16';

/** A block: so many columns of one row in so many bytes. */
export interface GgmlBlock {
  readonly bytes: number;
  readonly columns: number;
  readonly grid: GgmlGrid;
  /** Bits of a code. Of 5 and 6, those above the lowest four lie apart; codes of 8 are stored less 128, as signed bytes. */
  readonly codeBits: 4 | 5 | 6 | 8;
  /** Byte of the f16 scale. A min follows it. */
  readonly scale: number;
  /** Byte of the codes, and of their high bits where they lie apart. */
  readonly codes: number;
  readonly high: number;
  /** Grid `half`: the code that stands for 0. */
  readonly zero: number;
}

/** All types. Grid `k`: twelve bytes of multiples follow the min; `k16`: sixteen precede the scale. */
export const ggmlBlocks: Readonly<Record<GgmlType, GgmlBlock>> = {
  Q4_0: { bytes: 18, columns: 32, grid: 'half', codeBits: 4, scale: 0, codes: 2, high: 0, zero: 8 },
  Q4_1: { bytes: 20, columns: 32, grid: 'pair', codeBits: 4, scale: 0, codes: 4, high: 0, zero: 0 },
  Q5_0: { bytes: 22, columns: 32, grid: 'half', codeBits: 5, scale: 0, codes: 6, high: 2, zero: 16 },
  Q5_1: { bytes: 24, columns: 32, grid: 'pair', codeBits: 5, scale: 0, codes: 8, high: 4, zero: 0 },
  Q8_0: { bytes: 34, columns: 32, grid: 'half', codeBits: 8, scale: 0, codes: 2, high: 0, zero: 128 },
  Q4_K: { bytes: 144, columns: 256, grid: 'k', codeBits: 4, scale: 0, codes: 16, high: 0, zero: 0 },
  Q5_K: { bytes: 176, columns: 256, grid: 'k', codeBits: 5, scale: 0, codes: 48, high: 16, zero: 0 },
  Q6_K: { bytes: 210, columns: 256, grid: 'k16', codeBits: 6, scale: 208, codes: 0, high: 128, zero: 32 },
};

/** Bytes of {@link GgmlGrid} `k16`'s multiples in a block of Q6_K. */
const K16_MULTIPLES = 192;

/** Reads the blocks of a type out of bytes. `at` is the first byte of a block. */
export class GgmlReader {
  readonly block: GgmlBlock;
  readonly #view: DataView;

  constructor(type: GgmlType, bytes: Uint8Array) {
    this.block = ggmlBlocks[type];
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Code of a column of the block. */
  code(at: number, column: number): number {
    const { codeBits, columns, codes, high } = this.block;
    const byte = (offset: number): number => this.#view.getUint8(at + offset);
    if (codeBits === 8) return byte(codes + column) ^ 0x80;
    // Two runs of columns share the bytes of a chunk: one has the low nibbles, the other the high ones.
    if (columns === 32) {
      const code = (byte(codes + (column % 16)) >> (column < 16 ? 0 : 4)) & 15;
      return codeBits === 4 ? code : code | (((byte(high + (column >> 3)) >> (column & 7)) & 1) << 4);
    }
    const run = column >> 5; // 32 columns
    const lane = column & 31;
    if (codeBits === 6) {
      const quarter = run & 3; // of 128 columns
      const halfBlock = column >> 7;
      const code = (byte(codes + 64 * halfBlock + 32 * (quarter & 1) + lane) >> (4 * (quarter >> 1))) & 15;
      return code | (((byte(high + 32 * halfBlock + lane) >> (2 * quarter)) & 3) << 4);
    }
    const code = (byte(codes + 32 * (run >> 1) + lane) >> (4 * (run & 1))) & 15;
    return codeBits === 4 ? code : code | (((byte(high + lane) >> run) & 1) << 4);
  }

  /** Bits of the f16 scale, and of the min behind it. */
  scaleBits(at: number): number {
    return this.#view.getUint16(at + this.block.scale, true);
  }

  minBits(at: number): number {
    return this.#view.getUint16(at + this.block.scale + 2, true);
  }

  /** Grid `k`: multiples of scale and min for the 32 columns number `group`. */
  multiples(at: number, group: number): { readonly scale: number; readonly min: number } {
    const byte = (i: number): number => this.#view.getUint8(at + 4 + i);
    if (group < 4) return { scale: byte(group) & 63, min: byte(group + 4) & 63 };
    return {
      scale: (byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4),
      min: (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4),
    };
  }

  /** Grid `k16`: multiple of the scale for the 16 columns number `part`. */
  multiple16(at: number, part: number): number {
    return this.#view.getInt8(at + K16_MULTIPLES + part);
  }

  /** The number that a column stands for, rounded once, to f32. */
  value(at: number, column: number): number {
    const scale = f16ToF32(this.scaleBits(at));
    const code = this.code(at, column);
    switch (this.block.grid) {
      case 'half':
        return Math.fround(scale * (code - this.block.zero));
      case 'pair':
        return Math.fround(scale * code + f16ToF32(this.minBits(at)));
      case 'k': {
        const multiples = this.multiples(at, column >> 5);
        return Math.fround(scale * multiples.scale * code - f16ToF32(this.minBits(at)) * multiples.min);
      }
      case 'k16':
        return Math.fround(scale * this.multiple16(at, column >> 4) * (code - this.block.zero));
    }
  }
}

/** The numbers of consecutive blocks. */
export function dequantizeGgml(type: GgmlType, bytes: Uint8Array): Float32Array {
  const reader = new GgmlReader(type, bytes);
  const { bytes: blockBytes, columns } = reader.block;
  return Float32Array.from({ length: (bytes.length / blockBytes) * columns }, (_, i) =>
    reader.value(Math.floor(i / columns) * blockBytes, i % columns),
  );
}
