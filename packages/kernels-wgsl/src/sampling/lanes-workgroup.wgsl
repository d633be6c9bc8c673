// Best token and running sum over the lanes of a workgroup, through workgroup memory. Fills the slot `lanes` where
// subgroups are missing; call it from uniform control flow. Loops instead of trees: software adapters take seconds to
// compile the barriers of unrolled trees, and GPUs without subgroups lose about a microsecond.
import package::sampling::state::{Best, better};

const LANE_GROUP: u32 = min(LANES, 16u);

var<workgroup> lanes_bests: array<Best, LANES>;
var<workgroup> lanes_sums: array<u32, LANES>;
var<workgroup> group_sums: array<u32, LANES / LANE_GROUP>;

// The best of all lanes, in every lane.
fn lanes_best(mine: Best, lane: u32) -> Best {
  lanes_bests[lane] = mine;
  workgroupBarrier();
  var best = mine;
  for (var i = 0u; i < LANES; i++) {
    best = better(best, lanes_bests[i]);
  }
  workgroupBarrier();
  return best;
}

// Sum of `value` over the lanes before this one.
fn lanes_before(value: u32, lane: u32) -> u32 {
  lanes_sums[lane] = value;
  workgroupBarrier();
  var before = 0u;
  for (var i = lane - lane % LANE_GROUP; i < lane; i++) {
    before += lanes_sums[i];
  }
  if (lane % LANE_GROUP == LANE_GROUP - 1u) {
    group_sums[lane / LANE_GROUP] = before + value;
  }
  workgroupBarrier();
  for (var group = 0u; group < lane / LANE_GROUP; group++) {
    before += group_sums[group];
  }
  return before;
}
