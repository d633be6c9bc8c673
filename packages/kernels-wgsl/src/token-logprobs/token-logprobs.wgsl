// The log probability of one given token in every row of logits. One workgroup per row; the greatest logit is found first, in
// a halving tree, so that no exponential is large.
import slot::reduce::{reduce_sum};

override VOCAB: u32;
override STRIDE: u32;        // elements between rows

const LANES: u32 = 64u; // knob: invocations of a workgroup, a power of two
const LOWEST: f32 = -3.0e38;

@group(0) @binding(0) var<storage, read> logits: array<f32>;              // [numRows, STRIDE]
@group(0) @binding(1) var<storage, read> targets: array<u32>;             // [numRows]
@group(0) @binding(2) var<storage, read_write> logprobs: array<f32>;      // [numRows]

var<workgroup> greatest: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = wg.x * STRIDE;
  var most = LOWEST;
  for (var id = lane; id < VOCAB; id += LANES) {
    most = max(most, logits[first + id]);
  }
  greatest[lane] = most;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      greatest[lane] = max(greatest[lane], greatest[lane + half]);
    }
    workgroupBarrier();
  }
  let highest = greatest[0];
  var mine = 0.0;
  for (var id = lane; id < VOCAB; id += LANES) {
    mine += exp(max(logits[first + id] - highest, -80.0));
  }
  let sum = reduce_sum(mine, lane);
  if (lane == 0u) {
    logprobs[wg.x] = logits[first + min(targets[wg.x], VOCAB - 1u)] - highest - log(sum);
  }
}
