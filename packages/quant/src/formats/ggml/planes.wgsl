// The planes of GGUF's block-quantised weights: codes in units of 32 low nibbles, their high bits apart, and the grid of each
// row, in which a weight is scale * code + offset. Products are in ggml.wgsl.
import package::formats::tile::{COLS};

const HIGH_BITS: u32 = 0u; // knob: bits of a code above the lowest four: 0, 1 or 2

@group(0) @binding(0) var<storage, read> weight: array<vec4<u32>>;
@if(half) @group(0) @binding(1) var<storage, read> scales: array<vec2<u32>>;    // [blocks, groups] of 4 halves: the block's rows
@if(!half) @group(0) @binding(1) var<storage, read> scales: array<vec4<u32>>;   // see grid_at
@if(high) @group(0) @binding(2) var<storage, read> high: array<vec4<u32>>;      // [blocks, groups, HIGH_BITS], a word a row

// Of a block's 4 rows.
struct Grid { scale: vec4<f32>, offset: vec4<f32> }

// High bits of a block's 4 rows, for the first and the last 16 columns of a group.
struct Bits { front: vec4<u32>, back: vec4<u32> }

fn group_index(block: u32, group: u32) -> u32 {
  return block * ((COLS + 31u) / 32u) + group;
}

@if(high) fn bits_at(block: u32, group: u32) -> Bits {
  let first = group_index(block, group) * HIGH_BITS;
  return Bits(high[first], high[first + HIGH_BITS - 1u]);
}

@if(!high) fn bits_at(block: u32, group: u32) -> Bits {
  return Bits(vec4<u32>(), vec4<u32>());
}

// Four halves; codes from 0 to 31, of which 16 is 0.
@if(half) fn grid_at(block: u32, group: u32, part: u32) -> Grid {
  let pairs = scales[group_index(block, group)];
  let scale = vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
  return Grid(scale, -16.0 * scale);
}

// A pair of halves a row: scale and min.
@if(pair) fn grid_at(block: u32, group: u32, part: u32) -> Grid {
  let pairs = scales[group_index(block, group)];
  let pairs_of_rows = mat4x2<f32>(
    unpack2x16float(pairs.x), unpack2x16float(pairs.y), unpack2x16float(pairs.z), unpack2x16float(pairs.w),
  );
  let columns = transpose(pairs_of_rows);
  return Grid(columns[0], columns[1]);
}

// Word `index` of a K block, in pairs behind the f32s.
@if(!half) fn pair_at(first: u32, index: u32) -> vec2<u32> {
  let two = scales[first + index / 2u];
  return select(two.xy, two.zw, index % 2u == 1u);
}

// 256 columns: f32 scales, f32 mins, and for every group a byte a row of multiples of either.
@if(k) fn grid_at(block: u32, group: u32, part: u32) -> Grid {
  let first = (block * ((COLS + 255u) / 256u) + group / 8u) * 6u;
  let multiples = pair_at(first + 2u, group % 8u);
  return Grid(
    bitcast<vec4<f32>>(scales[first]) * vec4<f32>(unpack4xU8(multiples.x)),
    -bitcast<vec4<f32>>(scales[first + 1u]) * vec4<f32>(unpack4xU8(multiples.y)),
  );
}

// 256 columns: f32 scales, and for every 16 a byte a row of multiples. Codes from 0 to 63, of which 32 is 0.
@if(k16) fn grid_at(block: u32, group: u32, part: u32) -> Grid {
  let first = (block * ((COLS + 255u) / 256u) + group / 8u) * 5u;
  let multiples = pair_at(first + 1u, group % 8u);
  let scale = bitcast<vec4<f32>>(scales[first]) * vec4<f32>(unpack4xI8(select(multiples.x, multiples.y, part == 1u)));
  return Grid(scale, -32.0 * scale);
}
