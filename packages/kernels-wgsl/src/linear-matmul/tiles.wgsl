// Fills `product` on GPUs: a workgroup computes TILE_N weight rows of TILE_M tokens in steps of TILE_K columns, both
// operands dequantised in workgroup memory; an invocation sums a pair of row-blocks (8 weight rows) for COLUMNS tokens in
// registers. Names not declared here are the kernel's.
import slot::weights::{weight_oct};
import slot::epilogue::{write_pair};

const TILE_N: u32 = 64u; // knob: weight rows, a multiple of 8
const TILE_M: u32 = 64u; // knob: tokens, a multiple of COLUMNS
const TILE_K: u32 = 16u; // knob: columns, 16 or 32

const PAIRS: u32 = TILE_N / 8u;
const INVOCATIONS: u32 = PAIRS * (TILE_M / COLUMNS);
const STEPS: u32 = TILE_K / 4u;               // vec4s of a row of a tile
const OCTS: u32 = TILE_N * TILE_K / 8u / INVOCATIONS;
const QUADS: u32 = TILE_M * STEPS / INVOCATIONS;

// Columns lie together, so that a row is written and read in vec4s. The rows of one invocation are followed by a pad of
// one vec4: neighbours start in different banks.
var<workgroup> w_tile: array<vec4<f32>, TILE_N * STEPS + PAIRS>;
var<workgroup> x_tile: array<vec4<f32>, TILE_M * STEPS + TILE_M / COLUMNS>;

fn load_weights(base: u32, first_row: u32, k: u32, local: u32) {
  for (var i = local; i < OCTS * INVOCATIONS; i += INVOCATIONS) {
    let row = i / (TILE_K / 8u);
    let oct = i % (TILE_K / 8u);
    // Rows beyond the last one read what it reads; their sums are dropped.
    let weights = weight_oct(base + min(first_row + row, 4u * NUM_BLOCKS - 1u), k / 8u + oct);
    let at = row * STEPS + row / 8u + 2u * oct;
    w_tile[at] = weights[0];
    w_tile[at + 1u] = weights[1];
  }
}

fn load_activations(first_token: u32, k: u32, local: u32) {
  for (var i = local; i < QUADS * INVOCATIONS; i += INVOCATIONS) {
    let token = i / STEPS;
    let quad = i % STEPS;
    x_tile[token * STEPS + token / COLUMNS + quad] = x[row_start(first_token + token) + k / 4u + quad];
  }
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
  let w_start = pair * (8u * STEPS + 1u);
  let x_start = column * (COLUMNS * STEPS + 1u);

  var low = array<vec4<f32>, COLUMNS>();
  var high = array<vec4<f32>, COLUMNS>();
  for (var k = 0u; k < 32u * NUM_GROUPS; k += TILE_K) {
    load_weights(base, first_row, k, local);
    load_activations(first_token, k, local);
    workgroupBarrier();
    for (var step = 0u; step < STEPS; step++) {
      let w = w_start + step;
      let a = transpose(mat4x4<f32>(
        w_tile[w],
        w_tile[w + STEPS],
        w_tile[w + 2u * STEPS],
        w_tile[w + 3u * STEPS],
      ));
      let b = transpose(mat4x4<f32>(
        w_tile[w + 4u * STEPS],
        w_tile[w + 5u * STEPS],
        w_tile[w + 6u * STEPS],
        w_tile[w + 7u * STEPS],
      ));
      for (var c = 0u; c < COLUMNS; c++) {
        let v = x_tile[x_start + c * STEPS + step];
        // One fused multiply-add after the other; a matrix product would start a new sum.
        low[c] += a[0] * v.x;
        low[c] += a[1] * v.y;
        low[c] += a[2] * v.z;
        low[c] += a[3] * v.w;
        high[c] += b[0] * v.x;
        high[c] += b[1] * v.y;
        high[c] += b[2] * v.z;
        high[c] += b[3] * v.w;
      }
    }
    workgroupBarrier();
  }
  for (var c = 0u; c < COLUMNS; c++) {
    write_pair(first_token + COLUMNS * column + c, first_row / 8u + pair, low[c], high[c]);
  }
}
