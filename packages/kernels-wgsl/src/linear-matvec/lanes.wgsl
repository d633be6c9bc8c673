// Fills `product` on GPUs: LANES invocations share the columns of eight weight rows (a pair of row-blocks), PAIRS pairs
// share a workgroup. Each invocation reads its activations itself and keeps all sums in registers; sums meet once, at the
// end. Their order depends on LANES alone: not on COLUMNS, nor on the subgroup size. Names not declared here are the
// kernel's.
import slot::weights::{weight_dot};
import slot::epilogue::{write_pair};

override LANES: u32;         // a power of two; LANES * PAIRS is at most 64
override PAIRS: u32;

const NEAREST: u32 = 1u; // knob: smallest subgroup size, 1 without subgroups

// Sums of one activation row: of the pair's two row-blocks, and of the squares of x.
alias Sums = mat3x4<f32>;

var<workgroup> meeting: array<Sums, 64u / NEAREST>;

// Adds up the LANES invocations of a pair, neighbours first. Lane 0 gets the total. Call it from uniform control flow.
fn reduce_lanes(mine: Sums, local: u32, subgroup_size: u32) -> Sums {
  var sums = mine;
  var step = 1u;
  @if(subgroup) for (; step < min(subgroup_size, LANES); step *= 2u) {
    sums += Sums(
      subgroupShuffleXor(sums[0], step),
      subgroupShuffleXor(sums[1], step),
      subgroupShuffleXor(sums[2], step),
    );
  }
  if (step < LANES) {
    if (local % step == 0u) {
      meeting[local / NEAREST] = sums;
    }
    for (; step < LANES; step *= 2u) {
      workgroupBarrier();
      if (local % (2u * step) == 0u) {
        sums += meeting[(local + step) / NEAREST];
        meeting[local / NEAREST] = sums;
      }
    }
    workgroupBarrier();
  }
  return sums;
}

@compute @workgroup_size(LANES * PAIRS)
fn main(
  @builtin(workgroup_id) wg: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @if(subgroup) @builtin(subgroup_size) subgroup_size: u32,
) {
  @if(!subgroup) let subgroup_size = 1u;
  let first = (wg.y * 32768u + wg.x) * PAIRS;
  let token = wg.z * COLUMNS;
  if (2u * first >= NUM_BLOCKS || is_idle(token)) {
    return;
  }
  let lane = local % LANES;
  let pair = first + local / LANES;
  // Invocations beyond the last row-block stay for the barriers and read what the last one reads.
  let low = first_block(token) + min(2u * pair, NUM_BLOCKS - 1u);
  let high = first_block(token) + min(2u * pair + 1u, NUM_BLOCKS - 1u);

  var starts = array<u32, COLUMNS>();
  for (var c = 0u; c < COLUMNS; c++) {
    starts[c] = row_start(token + c);
  }
  var sums = array<Sums, COLUMNS>();
  for (var group = lane; group < NUM_GROUPS; group += LANES) {
    let g = 8u * group;
    for (var c = 0u; c < COLUMNS; c++) {
      let at = starts[c] + g;
      let v0 = x[at];
      let v1 = x[at + 1u];
      let v2 = x[at + 2u];
      let v3 = x[at + 3u];
      let v4 = x[at + 4u];
      let v5 = x[at + 5u];
      let v6 = x[at + 6u];
      let v7 = x[at + 7u];
      @if(norm) sums[c][2] += ((v0 * v0 + v1 * v1) + (v2 * v2 + v3 * v3)) + ((v4 * v4 + v5 * v5) + (v6 * v6 + v7 * v7));
      let x0 = scaled(v0, g);
      let x1 = scaled(v1, g + 1u);
      let x2 = scaled(v2, g + 2u);
      let x3 = scaled(v3, g + 3u);
      let x4 = scaled(v4, g + 4u);
      let x5 = scaled(v5, g + 5u);
      let x6 = scaled(v6, g + 6u);
      let x7 = scaled(v7, g + 7u);
      // The calls read the same weights for every c; with the loop unrolled, compilers read and unpack them once.
      sums[c][0] += weight_dot(low, group, x0, x1, x2, x3, x4, x5, x6, x7);
      sums[c][1] += weight_dot(high, group, x0, x1, x2, x3, x4, x5, x6, x7);
    }
  }

  for (var c = 0u; c < COLUMNS; c++) {
    let total = reduce_lanes(sums[c], local, subgroup_size);
    let scale = sum_scale(dot(total[2], vec4<f32>(1.0)));
    if (lane == 0u) {
      write_pair(token + c, pair, total[0] * scale, total[1] * scale);
    }
  }
}
