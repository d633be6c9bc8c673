// Fills `product` on GPUs that multiply halves: the work is spread as in tiles.wgsl, but tiles hold halves, and eight
// columns at a time are multiplied and added up in f16, the rest in f32. Tiles hold numbers divided by a power of two, one
// for eight columns of a row, so that they stay below 4 and their sums below 128: whatever the inputs, nothing overflows.
// Names not declared here are the kernel's.
import slot::weights::{weight_oct};
import slot::epilogue::{write_pair};

const TILE_N: u32 = 64u; // knob: weight rows, a multiple of 8
const TILE_M: u32 = 64u; // knob: tokens, a multiple of COLUMNS
const TILE_K: u32 = 32u; // knob: columns, a multiple of 8

const PAIRS: u32 = TILE_N / 8u;
const INVOCATIONS: u32 = PAIRS * (TILE_M / COLUMNS);
const OCTS: u32 = TILE_K / 8u;                // eights of columns of a row of a tile

// The rows of one invocation are followed by a pad of one eight: neighbours start in different banks.
var<workgroup> w_tile: array<mat2x4<f16>, TILE_N * OCTS + PAIRS>;
var<workgroup> x_tile: array<mat2x4<f16>, TILE_M * OCTS + TILE_M / COLUMNS>;
// The powers of two. Those of weights lie row by row, so that an invocation reads its rows' together.
var<workgroup> w_units: array<f32, TILE_N * OCTS>;
var<workgroup> x_units: array<f32, TILE_M * OCTS>;

// Bits of the power of two of eight numbers: the largest size without its mantissa, kept where its inverse is a normal
// number too.
fn unit_bits(eight: mat2x4<f32>) -> u32 {
  let sizes = max(abs(eight[0]), abs(eight[1]));
  let largest = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
  return clamp(bitcast<u32>(largest) & 0x7f800000u, 0x00800000u, 0x7e800000u);
}

fn in_halves(eight: mat2x4<f32>, bits: u32) -> mat2x4<f16> {
  let inverse = bitcast<f32>(0x7f000000u - bits);
  return mat2x4<f16>(vec4<f16>(eight[0] * inverse), vec4<f16>(eight[1] * inverse));
}

fn load_weights(base: u32, first_row: u32, k: u32, local: u32) {
  for (var i = local; i < TILE_N * OCTS; i += INVOCATIONS) {
    let row = i / OCTS;
    let oct = i % OCTS;
    // Rows beyond the last one read what it reads; their sums are dropped.
    let weights = weight_oct(base + min(first_row + row, 4u * NUM_BLOCKS - 1u), k / 8u + oct);
    let bits = unit_bits(weights);
    w_tile[row * OCTS + row / 8u + oct] = in_halves(weights, bits);
    w_units[oct * TILE_N + row] = bitcast<f32>(bits);
  }
}

fn load_activations(first_token: u32, k: u32, local: u32) {
  for (var i = local; i < TILE_M * OCTS; i += INVOCATIONS) {
    let token = i / OCTS;
    let oct = i % OCTS;
    let at = row_start(first_token + token) + k / 4u + 2u * oct;
    let activations = mat2x4<f32>(x[at], x[at + 1u]);
    let bits = unit_bits(activations);
    x_tile[token * OCTS + token / COLUMNS + oct] = in_halves(activations, bits);
    x_units[i] = bitcast<f32>(bits);
  }
}

fn units_at(index: u32) -> vec4<f32> {
  return vec4<f32>(w_units[index], w_units[index + 1u], w_units[index + 2u], w_units[index + 3u]);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let first_row = wg.y * TILE_N;
  let first_token = wg.x * TILE_M;
  if (is_idle(first_token)) {
    return;
  }
  let base = 4u * first_block(first_token);
  let pair = local % PAIRS;
  let column = local / PAIRS;
  let w_start = pair * (8u * OCTS + 1u);
  let x_start = column * (COLUMNS * OCTS + 1u);

  var low = array<vec4<f32>, COLUMNS>();
  var high = array<vec4<f32>, COLUMNS>();
  for (var k = 0u; k < 32u * NUM_GROUPS; k += TILE_K) {
    load_weights(base, first_row, k, local);
    load_activations(first_token, k, local);
    workgroupBarrier();
    for (var oct = 0u; oct < OCTS; oct++) {
      let w = w_start + oct;
      let r0 = w_tile[w];
      let r1 = w_tile[w + OCTS];
      let r2 = w_tile[w + 2u * OCTS];
      let r3 = w_tile[w + 3u * OCTS];
      let r4 = w_tile[w + 4u * OCTS];
      let r5 = w_tile[w + 5u * OCTS];
      let r6 = w_tile[w + 6u * OCTS];
      let r7 = w_tile[w + 7u * OCTS];
      let low_front = transpose(mat4x4<f16>(r0[0], r1[0], r2[0], r3[0]));
      let low_back = transpose(mat4x4<f16>(r0[1], r1[1], r2[1], r3[1]));
      let high_front = transpose(mat4x4<f16>(r4[0], r5[0], r6[0], r7[0]));
      let high_back = transpose(mat4x4<f16>(r4[1], r5[1], r6[1], r7[1]));
      let low_units = units_at(oct * TILE_N + 8u * pair);
      let high_units = units_at(oct * TILE_N + 8u * pair + 4u);
      for (var c = 0u; c < COLUMNS; c++) {
        let v = x_tile[x_start + c * OCTS + oct];
        let unit = x_units[(COLUMNS * column + c) * OCTS + oct];
        low[c] += vec4<f32>(low_front * v[0] + low_back * v[1]) * low_units * unit;
        high[c] += vec4<f32>(high_front * v[0] + high_back * v[1]) * high_units * unit;
      }
    }
    workgroupBarrier();
  }
  for (var c = 0u; c < COLUMNS; c++) {
    write_pair(first_token + COLUMNS * column + c, first_row / 8u + pair, low[c], high[c]);
  }
}
