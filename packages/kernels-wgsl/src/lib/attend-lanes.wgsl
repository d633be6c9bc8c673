// Attention of a workgroup's queries over its keys, a query to a lane, without barriers and workgroup memory: for adapters
// that compute on the CPU, where `out` is as near as private memory and keeps the sums. It fills the slot `attend` like
// attend-tiles.wgsl, which says what the kernel declares.

const LANES: u32 = 16u; // knob: invocations of a workgroup
const LOWEST: f32 = -3.0e38;
const NOWHERE: u32 = 0xffffffffu;

fn four_keys(lines: vec4<u32>, c: u32) -> mat4x4<f32> {
  return mat4x4<f32>(key_load(lines.x, c), key_load(lines.y, c), key_load(lines.z, c), key_load(lines.w, c));
}

fn four_values(lines: vec4<u32>, c: u32) -> mat4x4<f32> {
  return mat4x4<f32>(value_load(lines.x, c), value_load(lines.y, c), value_load(lines.z, c), value_load(lines.w, c));
}

// `num_queries` is 1 to LANES. A lane looks at the keys that its query sees, however many the workgroup has.
fn attend(work: Work, num_queries: u32, _num_keys: u32, lane: u32) {
  let query = query_unit(work, lane);
  let unit = out_unit(work, lane);
  if (lane >= num_queries || unit == NOWHERE) {
    return;
  }
  // D4, but not to the compiler: those for CPUs unroll loops of known length, which takes them a minute and gains nothing.
  let num_units = select(0u, D4, arrayLength(&qkv) > 0u);
  let first = first_seen(work, lane);
  let seen = num_seen(work, lane);
  let without_key = sink(work, lane);
  var top = without_key.x;   // the largest score so far
  var sum = without_key.y;   // the weights
  for (var first_key = first; first_key < seen; first_key += 4u) {
    let keys = first_key + vec4<u32>(0u, 1u, 2u, 3u);
    let present = min(keys, vec4<u32>(seen - 1u));
    let lines = vec4<u32>(
      key_line(work, present.x),
      key_line(work, present.y),
      key_line(work, present.z),
      key_line(work, present.w),
    );
    var scores = vec4<f32>();
    for (var c = 0u; c < num_units; c++) {
      scores += qkv[query + c] * four_keys(lines, c);
    }
    let is_key = keys < vec4<u32>(seen);
    scores = select(vec4<f32>(LOWEST), scored(work, lane, keys, scores * SCALE), is_key);
    let new_top = max(top, max(max(scores.x, scores.y), max(scores.z, scores.w)));
    let fade = exp(max(top - new_top, -80.0));   // of what was summed under a lower maximum
    let weights = select(vec4<f32>(), exp(max(scores - new_top, vec4<f32>(-80.0))), is_key);
    top = new_top;
    sum = sum * fade + dot(weights, vec4<f32>(1.0));
    for (var c = 0u; c < num_units; c++) {
      let before = select(out[unit + c] * fade, vec4<f32>(), first_key == first);
      out[unit + c] = before + four_values(lines, c) * weights;
    }
  }
  for (var c = 0u; c < num_units; c++) {
    out[unit + c] /= sum;
  }
}
