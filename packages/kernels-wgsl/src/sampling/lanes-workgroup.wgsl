// Best token and running sum over the lanes of a workgroup, through workgroup memory. Fills the slot `lanes` where
// subgroups are missing. LANES is a power of two; call all of it from uniform control flow.
import package::sampling::state::{Best, better};

var<workgroup> lanes_bests: array<Best, LANES>;
var<workgroup> lanes_sums: array<u32, LANES>;

// The best of all lanes, in every lane.
fn lanes_best(mine: Best, lane: u32) -> Best {
  lanes_bests[lane] = mine;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      lanes_bests[lane] = better(lanes_bests[lane], lanes_bests[lane + half]);
    }
    workgroupBarrier();
  }
  let best = lanes_bests[0];
  workgroupBarrier();
  return best;
}

// Sum of `value` over the lanes before this one.
fn lanes_before(value: u32, lane: u32) -> u32 {
  lanes_sums[lane] = value;
  workgroupBarrier();
  for (var step = 1u; step < LANES; step *= 2u) {
    var earlier = 0u;
    if (lane >= step) {
      earlier = lanes_sums[lane - step];
    }
    workgroupBarrier();
    lanes_sums[lane] += earlier;
    workgroupBarrier();
  }
  return lanes_sums[lane] - value;
}
