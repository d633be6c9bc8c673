// Attention of a workgroup's queries over its keys: tiled products in workgroup memory and a softmax that runs along.
// Lane (x, y) has four queries y and four keys, or four elements of D, x. Fills the slot `attend`.
// Subgroups have nothing to give here: of some twenty barriers per tile of keys they would save one.

// What queries and keys are is the kernel's. It declares D4 (head size / 4), MAX_D4, SCALE, `qkv` and `out` in units of
// four elements, a struct Work for what its functions need to know, and these functions:
//   query_unit(work, query)   where a query starts in qkv
//   first_seen(work, query)   the first key that it sees; for the first query it is the smallest
//   num_seen(work, query)     the number of keys, but for those behind the last that it sees
//   scored(work, query, keys, dots)   scores of four keys, from their dot products
//   sink(work, query)         a score without a key, and 1 or 0 for whether there is one
//   out_unit(work, query)     where its output starts, or NOWHERE if it is not wanted
//   key_line(work, key)       where a key is
//   key_load(line, c), value_load(line, c)   elements 4c to 4c + 3 of the key, and of its value

const ACROSS: u32 = 8u; // knob: lanes x; D goes through workgroup memory in chunks of ACROSS units
const DOWN: u32 = 16u; // knob: lanes y
const QUERIES: u32 = DOWN * 4u;
const KEYS: u32 = ACROSS * 4u;
const PITCH: u32 = ACROSS + 1u;        // keeps lanes x on different banks
const MAX_CHUNKS: u32 = (MAX_D4 + ACROSS - 1u) / ACROSS;
const LANES: u32 = ACROSS * DOWN;
const LOWEST: f32 = -3.0e38;
const NOWHERE: u32 = 0xffffffffu;

// Four elements in workgroup memory. Beyond the range of a half there is only infinity.
@if(half) alias Tile4 = vec4<f16>;
@if(!half) alias Tile4 = vec4<f32>;

fn staged(value: vec4<f32>) -> Tile4 {
  @if(half) return Tile4(clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
  @if(!half) return value;
}

var<workgroup> left: array<Tile4, QUERIES * ACROSS>;     // a chunk of the queries, then their weights for KEYS keys
var<workgroup> right: array<Tile4, KEYS * PITCH>;        // a chunk of the keys or of the values
var<workgroup> key_lines: array<u32, KEYS>;              // where the keys of the tile are
var<workgroup> stats: array<vec4<f32>, LANES>;           // a lane's highest scores, or sums, of its four queries

// Four lines of `right` at unit c of each: keys or values first, first + step, ...
fn right_four(first: u32, step: u32, c: u32) -> mat4x4<f32> {
  let at = first * PITCH + c;
  return mat4x4<f32>(
    vec4<f32>(right[at]),
    vec4<f32>(right[at + step * PITCH]),
    vec4<f32>(right[at + 2u * step * PITCH]),
    vec4<f32>(right[at + 3u * step * PITCH]),
  );
}

// Call it from uniform control flow, with uniform `num_queries` (1 to QUERIES) and `num_keys` (at least 1).
fn attend(work: Work, num_queries: u32, num_keys: u32, lane: u32) {
  let x = lane % ACROSS;
  let y = lane / ACROSS * 4u;

  var top = vec4<f32>(LOWEST);   // of the four queries: the largest score so far,
  var sum = vec4<f32>();         // the weights of this lane's keys, and of the sink in the first lane,
  var totals = array<vec4<f32>, 4u * MAX_CHUNKS>();   // and the outputs of this lane's elements, chunk by chunk
  for (var j = 0u; j < 4u; j++) {
    let without_key = sink(work, min(y + j, num_queries - 1u));
    top[j] = without_key.x;
    sum[j] = select(0.0, without_key.y, x == 0u);
  }
  // Tiles of keys start at multiples of KEYS, so that a query feels nothing of those that it shares the workgroup with.
  for (var first_key = first_seen(work, 0u) / KEYS * KEYS; first_key < num_keys; first_key += KEYS) {
    for (var i = lane; i < KEYS; i += LANES) {
      key_lines[i] = key_line(work, min(first_key + i, num_keys - 1u));
    }
    workgroupBarrier();
    let num_blocks = min(ACROSS, (num_keys - first_key + 3u) / 4u);   // of four keys that exist

    var scores = array<vec4<f32>, 4>();
    for (var chunk = 0u; chunk < D4; chunk += ACROSS) {
      let num_units = min(ACROSS, D4 - chunk);
      // As LANES is a multiple of ACROSS, a lane stages the same unit x of every line it takes.
      for (var query = lane / ACROSS; query < QUERIES && x < num_units; query += DOWN) {
        let unit = query_unit(work, min(query, num_queries - 1u));
        left[query * ACROSS + x] = staged(qkv[unit + chunk + x] * SCALE);
      }
      // Key 4 x + j goes to line j * ACROSS + x: lanes x then read neighbouring lines.
      for (var key = lane / ACROSS; key < KEYS && x < num_units; key += DOWN) {
        right[(key % 4u * ACROSS + key / 4u) * PITCH + x] = staged(key_load(key_lines[key], chunk + x));
      }
      workgroupBarrier();
      for (var c = 0u; c < num_units; c++) {
        let keys = right_four(x, ACROSS, c);
        for (var j = 0u; j < 4u; j++) {
          scores[j] += vec4<f32>(left[(y + j) * ACROSS + c]) * keys;
        }
      }
      workgroupBarrier();
    }

    let keys = first_key + x * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    var highest = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
      let query = min(y + j, num_queries - 1u);
      let is_seen = (keys >= vec4<u32>(first_seen(work, query))) & (keys < vec4<u32>(num_seen(work, query)));
      scores[j] = select(vec4<f32>(LOWEST), scored(work, query, keys, scores[j]), is_seen);
      highest[j] = max(max(scores[j].x, scores[j].y), max(scores[j].z, scores[j].w));
    }
    stats[lane] = highest;
    workgroupBarrier();
    var new_top = top;
    for (var i = 0u; i < num_blocks; i++) {
      new_top = max(new_top, stats[lane - x + i]);
    }
    let fade = exp(max(top - new_top, vec4<f32>(-80.0)));   // of what was summed under a lower maximum
    top = new_top;
    sum *= fade;
    for (var j = 0u; j < 4u; j++) {
      let is_key = scores[j] > vec4<f32>(LOWEST);
      let weights = select(vec4<f32>(), exp(max(scores[j] - top[j], vec4<f32>(-80.0))), is_key);
      left[(y + j) * ACROSS + x] = staged(weights);
      sum[j] += dot(weights, vec4<f32>(1.0));
    }

    for (var chunk = 0u; chunk < D4; chunk += ACROSS) {
      let num_units = min(ACROSS, D4 - chunk);
      for (var key = lane / ACROSS; key < KEYS && x < num_units; key += DOWN) {
        right[key * PITCH + x] = staged(value_load(key_lines[key], chunk + x));
      }
      workgroupBarrier();
      var products = array<vec4<f32>, 4>();
      for (var c = 0u; c < num_blocks; c++) {
        let values = right_four(c * 4u, 1u, x);
        for (var j = 0u; j < 4u; j++) {
          products[j] += values * vec4<f32>(left[(y + j) * ACROSS + c]);
        }
      }
      for (var j = 0u; j < 4u; j++) {
        totals[chunk / ACROSS * 4u + j] = totals[chunk / ACROSS * 4u + j] * fade[j] + products[j];
      }
      workgroupBarrier();
    }
  }

  stats[lane] = sum;
  workgroupBarrier();
  sum = vec4<f32>();
  for (var i = 0u; i < min(ACROSS, (num_keys + 3u) / 4u); i++) {
    sum += stats[lane - x + i];
  }
  for (var j = 0u; j < 4u && y + j < num_queries; j++) {
    let unit = out_unit(work, y + j);
    for (var c = x; c < D4 && unit != NOWHERE; c += ACROSS) {
      out[unit + c] = totals[c / ACROSS * 4u + j] / sum[j];
    }
  }
}
