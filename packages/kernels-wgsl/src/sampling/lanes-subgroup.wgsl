// Best token and running sum over the lanes of a workgroup: within subgroups, then one value per subgroup through workgroup
// memory. Correct for any subgroup size from 4 that divides LANES; call all of it from uniform control flow.
import package::sampling::state::{Best, better, NO_ID};

var<workgroup> lanes_bests: array<Best, LANES / 4u>;
var<workgroup> lanes_sums: array<u32, LANES / 4u>;

// The best of all lanes, in every lane.
fn lanes_best(mine: Best, lane: u32) -> Best {
  let key = subgroupMax(mine.key);
  let id = subgroupMin(select(NO_ID, mine.id, mine.key == key));
  let size = subgroupAdd(1u);
  if (lane % size == 0u) {
    lanes_bests[lane / size] = Best(key, id);
  }
  workgroupBarrier();
  var best = lanes_bests[0];
  for (var i = 1u; i < LANES / size; i++) {
    best = better(best, lanes_bests[i]);
  }
  workgroupBarrier();
  return best;
}

// Sum of `value` over the lanes before this one.
fn lanes_before(value: u32, lane: u32) -> u32 {
  var before = subgroupExclusiveAdd(value);
  let total = subgroupAdd(value);
  let size = subgroupAdd(1u);
  if (lane % size == 0u) {
    lanes_sums[lane / size] = total;
  }
  workgroupBarrier();
  for (var i = 0u; i < lane / size; i++) {
    before += lanes_sums[i];
  }
  workgroupBarrier();
  return before;
}
