// Fills `product` on adapters that are CPUs and have subgroups: as serial.wgsl, but four neighbours read the activations of
// two columns for each other. Such adapters read storage lane by lane, and hand a lane's value to all at the price of a
// move. Names not declared here are the kernel's.
import slot::weights::{weight_oct};
import slot::epilogue::{write_pair};

override PAIRS: u32;         // pairs of row-blocks of a workgroup, at least four

const TWINS: u32 = (COLUMNS + 1u) / 2u;

// Columns 8 * k8 .. of the pair's weights: the first four and the last four of its lower and its upper rows.
struct Weights {
  low_front: mat4x4<f32>,
  low_back: mat4x4<f32>,
  high_front: mat4x4<f32>,
  high_back: mat4x4<f32>,
}

// Sums of two columns of x; the squares are those that the lane has read.
struct Twin {
  low: mat2x4<f32>,
  high: mat2x4<f32>,
  squares: f32,
}

// Where a lane reads: of two columns of x one, of eight activations four.
struct Place {
  column: u32,
  half: u32,
}

fn weights_at(low: u32, high: u32, k8: u32) -> Weights {
  let v0 = weight_oct(low, k8);
  let v1 = weight_oct(low + 1u, k8);
  let v2 = weight_oct(low + 2u, k8);
  let v3 = weight_oct(low + 3u, k8);
  let w0 = weight_oct(high, k8);
  let w1 = weight_oct(high + 1u, k8);
  let w2 = weight_oct(high + 2u, k8);
  let w3 = weight_oct(high + 3u, k8);
  return Weights(
    mat4x4<f32>(v0[0], v1[0], v2[0], v3[0]),
    mat4x4<f32>(v0[1], v1[1], v2[1], v3[1]),
    mat4x4<f32>(w0[0], w1[0], w2[0], w3[0]),
    mat4x4<f32>(w0[1], w1[1], w2[1], w3[1]),
  );
}

fn twin_start(token: u32, twin: u32, place: Place) -> u32 {
  return row_start(token + min(2u * twin + place.column, COLUMNS - 1u)) + place.half;
}

// Call it from uniform control flow.
fn with_oct(sums: Twin, start: u32, k8: u32, half: u32, weights: Weights) -> Twin {
  var result = sums;
  let mine = x[start + 2u * k8];
  @if(norm) result.squares += dot(mine, mine);
  let value = scaled(mine, 2u * k8 + half);
  let front = subgroupBroadcast(value, 0u);
  let back = subgroupBroadcast(value, 1u);
  result.low[0] += front * weights.low_front + back * weights.low_back;
  result.high[0] += front * weights.high_front + back * weights.high_back;
  if (COLUMNS > 1u) {
    let next_front = subgroupBroadcast(value, 2u);
    let next_back = subgroupBroadcast(value, 3u);
    result.low[1] += next_front * weights.low_front + next_back * weights.low_back;
    result.high[1] += next_front * weights.high_front + next_back * weights.high_back;
  }
  return result;
}

@compute @workgroup_size(PAIRS)
fn main(
  @builtin(workgroup_id) wg: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = (wg.y * 32768u + wg.x) * PAIRS;
  let token = wg.z * COLUMNS;
  if (2u * first >= NUM_BLOCKS || is_idle(token)) {
    return;
  }
  // Invocations beyond the last row-block stay to read for the others.
  let pair = first + local;
  let low = 4u * (first_block(token) + min(2u * pair, NUM_BLOCKS - 1u));
  let high = 4u * (first_block(token) + min(2u * pair + 1u, NUM_BLOCKS - 1u));
  let place = Place(lane / 2u % 2u, lane % 2u);
  // One by one: compilers keep an array that they do not unroll the loops over in memory.
  let start0 = twin_start(token, 0u, place);
  let start1 = twin_start(token, 1u, place);
  let start2 = twin_start(token, 2u, place);
  let start3 = twin_start(token, 3u, place);
  var twin0 = Twin();
  var twin1 = Twin();
  var twin2 = Twin();
  var twin3 = Twin();
  for (var k8 = 0u; k8 < 4u * NUM_GROUPS; k8++) {
    let weights = weights_at(low, high, k8);
    twin0 = with_oct(twin0, start0, k8, place.half, weights);
    if (TWINS > 1u) { twin1 = with_oct(twin1, start1, k8, place.half, weights); }
    if (TWINS > 2u) {
      twin2 = with_oct(twin2, start2, k8, place.half, weights);
      twin3 = with_oct(twin3, start3, k8, place.half, weights);
    }
  }
  let twins = array(twin0, twin1, twin2, twin3);
  for (var c = 0u; c < COLUMNS; c++) {
    let sums = twins[c / 2u];
    let front = select(subgroupBroadcast(sums.squares, 0u), subgroupBroadcast(sums.squares, 2u), c % 2u == 1u);
    let back = select(subgroupBroadcast(sums.squares, 1u), subgroupBroadcast(sums.squares, 3u), c % 2u == 1u);
    let scale = sum_scale(front + back);
    if (2u * pair < NUM_BLOCKS) {
      write_pair(token + c, pair, sums.low[c % 2u] * scale, sums.high[c % 2u] * scale);
    }
  }
}
