// Least, greatest, sum and sum of magnitudes of every column, one invocation per column: neighbours read neighbours.
// Sums are of blocks of rows and then of blocks, so that their error does not grow with the rows.

override NUM_ROWS: u32;
override STRIDE: u32;        // elements between rows

const LANES: u32 = 64u; // knob: invocations of a workgroup
const BLOCK: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;            // [NUM_ROWS, STRIDE]
@group(0) @binding(1) var<storage, read_write> stats: array<f32>;  // [4, STRIDE]: min, max, sum, sum of magnitudes

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = id.x;
  if (column >= STRIDE) {
    return;
  }
  var least = x[column];
  var most = least;
  var total = vec2<f32>(0.0);
  for (var first = 0u; first < NUM_ROWS; first += BLOCK) {
    var part = vec2<f32>(0.0);
    for (var row = first; row < min(first + BLOCK, NUM_ROWS); row++) {
      let value = x[row * STRIDE + column];
      least = min(least, value);
      most = max(most, value);
      part += vec2<f32>(value, abs(value));
    }
    total += part;
  }
  stats[column] = least;
  stats[STRIDE + column] = most;
  stats[2u * STRIDE + column] = total.x;
  stats[3u * STRIDE + column] = total.y;
}
