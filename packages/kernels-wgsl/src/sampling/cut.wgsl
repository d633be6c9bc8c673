// Where top-k and top-p end. Both keep a head of the order of candidates, so a (rank, id) says where they cut, and both are
// one search with different weights: keep a token while the tokens before it weigh less than a limit.
// LANES and DIGIT_BITS are those of sample-select.
import package::sampling::candidates::{Field, num_candidates, candidate, weight_of, tally};
import slot::lanes::{lanes_before};

const KEEP_ALL = vec2(0xffffffffu, 0xffffffffu);

// The bin of a digit in which the limit is reached.
struct Crossing {
  found: u32,
  bin: u32,
  before: u32,  // weight of the bins before it
  weight: u32,
}

var<workgroup> bins: array<atomic<u32>, LANES>;
var<workgroup> crossing: Crossing;

// `cut` is the last token that is kept.
fn is_kept(token: vec2<u32>, cut: vec2<u32>) -> bool {
  return token.x < cut.x || (token.x == cut.x && token.y <= cut.y);
}

// Keeps, of what `cut` keeps, the tokens before which lies less than `limit`: a radix search over the digits of (rank, id),
// a bin per lane. `room` is what the tokens before those with `prefix` leave of the limit, `weight` is what these weigh.
fn narrow(field: Field, cut: vec2<u32>, by_mass: bool, limit: u32, lane: u32) -> vec2<u32> {
  var prefix = vec2(0u);
  var mask = vec2(0u);
  var room = limit;
  var weight = 0u;
  for (var bit = 64u; bit > 0u && room != weight; ) {
    bit -= DIGIT_BITS;
    let in_rank = bit >= 32u;
    let shift = bit % 32u;
    atomicStore(&bins[lane], 0u);
    if (lane == 0u) {
      crossing.found = 0u;
    }
    workgroupBarrier();
    for (var i = lane; i < num_candidates(field); i += LANES) {
      let token = candidate(field, i);
      if (all((token & mask) == prefix) && is_kept(token, cut)) {
        let bin = (select(token.y, token.x, in_rank) >> shift) % LANES;
        atomicAdd(&bins[bin], weight_of(field, token.x, by_mass));
      }
    }
    workgroupBarrier();
    let mine = atomicLoad(&bins[lane]);
    let before = lanes_before(mine, lane);
    if (before < room && room - before <= mine) {
      crossing = Crossing(1u, lane, before, mine);
    }
    let digit = workgroupUniformLoad(&crossing);
    if (digit.found == 0u) {
      break; // everything weighs less than the limit
    }
    let part = select(vec2(0u, 1u), vec2(1u, 0u), in_rank);
    prefix |= part * (digit.bin << shift);
    mask |= part * ((LANES - 1u) << shift);
    room -= digit.before;
    weight = digit.weight;
    if (bit == 32u) {
      // What is left has one rank and equal weights, so the limit may be moved to the end of the token it falls on.
      let each = weight_of(field, prefix.x, by_mass);
      room = (room + each - 1u) / each * each;
    }
  }
  let end = prefix | ~mask;
  return select(cut, end, is_kept(end, cut));
}

// What the kept candidates weigh.
fn total_mass(field: Field, cut: vec2<u32>, lane: u32) -> u32 {
  var mass = 0u;
  for (var i = lane; i < num_candidates(field); i += LANES) {
    let token = candidate(field, i);
    if (is_kept(token, cut)) {
      mass += weight_of(field, token.x, BY_MASS);
    }
  }
  return tally(mass, lane).weight;
}
