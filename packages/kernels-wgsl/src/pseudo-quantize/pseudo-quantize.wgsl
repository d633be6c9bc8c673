// What is left of a matrix when its columns are scaled, its groups quantised, and the scales taken back: a candidate of a
// search. One invocation per row and group of columns. Matrices lie as the f32 format has them.
import package::lib::unit::{unit_at};

override NUM_ROWS: u32;
override NUM_COLS: u32;      // a multiple of GROUP_SIZE
override GROUP_SIZE: u32;    // a multiple of 32
override LAST: u32;          // greatest code
override SYMMETRIC: u32;     // 1: the zero point is the middle code

const LANES: u32 = 64u; // knob: invocations of a workgroup
const MIN_SPAN: f32 = 1e-5;

@group(0) @binding(0) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> factors: array<vec4<f32>>;          // [NUM_COLS / 4]
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

// Unit of columns 4 * quad .. of a row.
fn unit_of(row: u32, quad: u32) -> u32 {
  let place = unit_at(row, quad / 8u, NUM_COLS / 32u, 8u);
  return place.x + quad % 8u * place.y;
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= NUM_ROWS) {
    return;
  }
  let first = id.y * (GROUP_SIZE / 4u);
  let end = first + GROUP_SIZE / 4u;
  var least = weight[unit_of(row, first)] * factors[first];
  var most = least;
  for (var quad = first + 1u; quad < end; quad++) {
    let value = weight[unit_of(row, quad)] * factors[quad];
    least = min(least, value);
    most = max(most, value);
  }
  let low = min(min(least.x, least.y), min(least.z, least.w));
  let high = max(max(most.x, most.y), max(most.z, most.w));
  let last = f32(LAST);
  var scale = max(high - low, MIN_SPAN) / last;
  var zero = clamp(-round(low / scale), 0.0, last);
  if (SYMMETRIC == 1u) {
    scale = max(max(abs(low), abs(high)), 0.5 * MIN_SPAN) / f32(LAST / 2u);
    zero = f32(LAST / 2u + 1u);
  }
  for (var quad = first; quad < end; quad++) {
    let unit = unit_of(row, quad);
    let code = clamp(round(weight[unit] * factors[quad] / scale) + zero, vec4<f32>(0.0), vec4<f32>(last));
    result[unit] = (code - zero) * scale / factors[quad];
  }
}
