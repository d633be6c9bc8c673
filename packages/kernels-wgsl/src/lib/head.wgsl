// What becomes of a head of q or k between projection and attention: an RMSNorm if the model has one, the rotary turn, and
// for q a factor that grows with the position (logn). Heads are numbered q first, then k, as they lie in a row of qkv.
// The kernel declares LANES, D4, KV_HEADS, GROUP, `qkv`: array<f32>, `rope`: array<vec2<f32>> [numRopeRows, ROT / 2] of
// (cos, sin), `learned`: array<f32> (gammas of q, then of k), and `scratch`: array<vec4<f32>, LANES> in workgroup memory.

override ROT: u32;            // elements of a head that turn, an even number; the others pass
override INTERLEAVED: u32;    // 1: neighbours turn together (GPT-J); 0: elements i and i + ROT / 2
override NORM: u32;           // NORM_HEAD: over each head; NORM_WIDTH: over all heads of q, and all of k; 0: none
override NORM_EPSILON: f32;
override LOGN: f32;           // 1 / ln(tokens from which q grows), 0 if it does not

const NORM_HEAD: u32 = 1u;
const NORM_WIDTH: u32 = 2u;
const NORM_TEAM: u32 = 8u;    // lanes that sum up the squares of a head

struct Head {
  at: u32,         // where it starts in qkv
  gamma: u32,      // and in `learned`
  scale: f32,      // 1 / rms
  rope_row: u32,
}

// Lanes that sum up what one norm goes over: teams of a head each; or half of all lanes for q, half for k.
fn norm_lanes() -> u32 {
  return select(NORM_TEAM, LANES / 2u, NORM == NORM_WIDTH);
}

// The head, of a workgroup's, that a lane's team sums for: with NORM_WIDTH the first one of q, or that of k.
fn norm_local(lane: u32, first_key: u32) -> u32 {
  let team = lane / norm_lanes();
  return select(team, team * first_key, NORM == NORM_WIDTH);
}

// First step of the norms of a workgroup's heads, for a lane of a team that sums for head `index`. A barrier comes next.
fn norm_collect(row_start: u32, index: u32, lane: u32) {
  let num_queries = KV_HEADS * GROUP;
  var first = index * D4 * 4u;
  var length = D4 * 4u;
  if (NORM == NORM_WIDTH) {
    first = select(0u, num_queries * D4 * 4u, index >= num_queries);
    length = select(num_queries, KV_HEADS, index >= num_queries) * D4 * 4u;
  }
  var sum = 0.0;
  for (var d = lane % norm_lanes(); d < length; d += norm_lanes()) {
    sum += qkv[row_start + first + d] * qkv[row_start + first + d];
  }
  scratch[lane] = vec4<f32>(sum / f32(length));
}

// Head `index` of a row, which is number `local` of the workgroup's.
fn head_of_row(row_start: u32, index: u32, local: u32, rope_row: u32) -> Head {
  let start = index * D4 * 4u;
  if (NORM == 0u) {
    return Head(row_start + start, 0u, 1.0, rope_row);
  }
  let is_key = index >= KV_HEADS * GROUP;
  let first_lane = select(local, u32(is_key), NORM == NORM_WIDTH) * norm_lanes();
  var square = 0.0;
  for (var i = 0u; i < norm_lanes(); i++) {
    square += scratch[first_lane + i].x;
  }
  let gamma = select(u32(is_key) * D4 * 4u, start, NORM == NORM_WIDTH);
  return Head(row_start + start, gamma, inverseSqrt(square + NORM_EPSILON), rope_row);
}

fn head_element(head: Head, d: u32) -> f32 {
  if (NORM == 0u) {
    return qkv[head.at + d];
  }
  return qkv[head.at + d] * head.scale * learned[head.gamma + d];
}

// A head is D / 2 pairs; the first ROT / 2 turn, the others are neighbours. Elements of pair p:
fn pair_elements(p: u32) -> vec2<u32> {
  return select(vec2<u32>(2u * p, 2u * p + 1u), vec2<u32>(p, p + ROT / 2u), INTERLEAVED == 0u && p < ROT / 2u);
}

// The pair that element d belongs to.
fn pair_of(d: u32) -> u32 {
  return select(d / 2u, d % max(ROT / 2u, 1u), INTERLEAVED == 0u && d < ROT);
}

// Pairs from here on are the same before and after.
fn changed_pairs() -> u32 {
  return select(ROT / 2u, 2u * D4, NORM != 0u || LOGN != 0.0);
}

fn turned_pair(head: Head, p: u32) -> vec2<f32> {
  let at = pair_elements(p);
  let pair = vec2<f32>(head_element(head, at.x), head_element(head, at.y));
  if (p >= ROT / 2u) {
    return pair;
  }
  let turn = rope[head.rope_row * (ROT / 2u) + p];
  return pair * turn.x + vec2<f32>(-pair.y, pair.x) * turn.y;
}

// Elements 4c to 4c + 3 after norm and turn.
fn turned_four(head: Head, c: u32) -> vec4<f32> {
  var result = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let p = pair_of(c * 4u + i);
    let pair = turned_pair(head, p);
    result[i] = select(pair.y, pair.x, pair_elements(p).x == c * 4u + i);
  }
  return result;
}

// What q is multiplied by at a position, beside the scale of all scores.
fn query_growth(position: u32) -> f32 {
  return max(1.0, LOGN * log(f32(position + 1u)));
}
