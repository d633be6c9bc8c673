// Gives every row its experts: those of the highest logits, ties to the lower number, and how much each one's output
// counts. An expert finds its place by counting the logits before its own. One workgroup per row.
import package::lib::route::{Route};

override NUM_EXPERTS: u32;
override CHOSEN: u32;          // experts of a row
override STRIDE: u32;          // elements between rows of logits
override FIRST_ROW: u32;       // of those that routes are made for
override NORMALIZED: u32;      // 1: shares of the chosen sum up to 1, instead of those of all
override SHARED_GATE: u32;     // 1: the logit behind the experts' is that of the shared expert's gate

const LANES: u32 = 64u; // knob: invocations of a workgroup
const MAX_CHOSEN: u32 = 32u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;                // [.., STRIDE]
@group(0) @binding(1) var<storage, read_write> routes: array<Route>;        // [numRows, CHOSEN]
@group(0) @binding(2) var<storage, read_write> shares: array<f32>;          // [numRows, CHOSEN + 1]
@group(0) @binding(3) var<storage, read_write> routed_rows: array<u32>;     // [1]: how many rows there are

var<workgroup> masses: array<f32, MAX_CHOSEN>;

fn mass(logit: f32, highest: f32) -> f32 {
  return exp(max(logit - highest, -80.0));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wg: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = FIRST_ROW + wg.x;
  let first = row * STRIDE;
  var highest = logits[first];
  for (var e = 1u; e < NUM_EXPERTS; e++) {
    highest = max(highest, logits[first + e]);
  }
  for (var e = lane; e < NUM_EXPERTS; e += LANES) {
    let logit = logits[first + e];
    var place = 0u;
    for (var other = 0u; other < NUM_EXPERTS; other++) {
      let rival = logits[first + other];
      place += u32(rival > logit || (rival == logit && other < e));
    }
    if (place < CHOSEN) {
      routes[wg.x * CHOSEN + place] = Route(row, e);
      masses[place] = mass(logit, highest);
    }
  }
  workgroupBarrier();

  if (lane < CHOSEN) {
    var total = 0.0;
    for (var place = 0u; place < CHOSEN && NORMALIZED == 1u; place++) {
      total += masses[place];
    }
    for (var e = 0u; e < NUM_EXPERTS && NORMALIZED == 0u; e++) {
      total += mass(logits[first + e], highest);
    }
    for (var place = lane; place < CHOSEN; place += LANES) {
      shares[wg.x * (CHOSEN + 1u) + place] = masses[place] / total;
    }
  }
  if (lane == 0u) {
    var share = 1.0;
    if (SHARED_GATE == 1u) {
      share = 1.0 / (1.0 + exp(clamp(-logits[first + NUM_EXPERTS], -80.0, 80.0)));
    }
    shares[wg.x * (CHOSEN + 1u) + CHOSEN] = share;
    if (wg.x == 0u) {
      routed_rows[0] = grid.x;
    }
  }
}
