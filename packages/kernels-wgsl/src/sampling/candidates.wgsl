// The tokens that a filtered draw looks at, ordered by (rank, id), better first, where rank is the key turned into a u32;
// and their weights. Which of them the filters keep is in cut.wgsl.
// LANES, VOCAB, keys and partials are those of sample-select.
import package::sampling::state::{exp_of_drop, num_chunks};

const NOT_GATHERED: u32 = 0xffffffffu;
const BY_COUNT: bool = false;
const BY_MASS: bool = true;
const MAX_GATHERED: u32 = 1024u; // knob: tokens that fit into workgroup memory
const CHUNK_LANES: u32 = min(LANES, 64u);

// The tokens of one sampled row.
struct Field {
  first_key: u32,
  first_partial: u32,
  best: f32,      // largest key
  scale: f32,     // mass of a token with that key
  gathered: u32,  // number of candidates in workgroup memory; NOT_GATHERED: all tokens are candidates, in `keys`
}

// Count and weight of some tokens.
struct Tally {
  count: u32,
  weight: u32,
}

var<workgroup> gathered_tokens: array<vec2<u32>, MAX_GATHERED>;
var<workgroup> tally_count: atomic<u32>;
var<workgroup> tally_weight: atomic<u32>;
var<workgroup> shared_tally: Tally;

// Maps the bits of a finite f32 to a u32 that is smaller the larger the number is. Both zeros get one rank.
fn rank_of(bits: u32) -> u32 {
  return select(~bits & 0x7fffffffu, bits, bits > 0x80000000u);
}

fn key_of(rank: u32) -> f32 {
  return bitcast<f32>(select(~rank & 0x7fffffffu, rank, rank >= 0x80000000u));
}

// 1, or the token's share of the mass as an integer, so that sums do not depend on order.
fn weight_of(field: Field, rank: u32, by_mass: bool) -> u32 {
  if (by_mass) {
    return u32(exp_of_drop(key_of(rank) - field.best) * field.scale + 0.5);
  }
  return 1u;
}

fn num_candidates(field: Field) -> u32 {
  return select(field.gathered, VOCAB, field.gathered == NOT_GATHERED);
}

// (rank, id) of a candidate.
fn candidate(field: Field, index: u32) -> vec2<u32> {
  if (field.gathered == NOT_GATHERED) {
    return vec2(rank_of(keys[field.first_key + index]), index);
  }
  return gathered_tokens[index];
}

// Adds up over the workgroup; uniform. The counters are zero before and after.
fn tally(weight: u32, lane: u32) -> Tally {
  atomicAdd(&tally_weight, weight);
  workgroupBarrier();
  if (lane == 0u) {
    shared_tally = Tally(atomicExchange(&tally_count, 0u), atomicExchange(&tally_weight, 0u));
  }
  return workgroupUniformLoad(&shared_tally);
}

// Copies the tokens at most `drop` below the best to workgroup memory, as far as they fit, and tells how many they are and
// what they weigh. Chunks whose best is too low are not read.
fn gather_within(drop: f32, field: Field, by_mass: bool, lane: u32) -> Tally {
  let last = rank_of(bitcast<u32>(field.best - drop));
  var weight = 0u;
  for (var chunk = lane / CHUNK_LANES; chunk < num_chunks(VOCAB); chunk += LANES / CHUNK_LANES) {
    if (rank_of(bitcast<u32>(partials[field.first_partial + chunk].drawn.best.key)) > last) {
      continue;
    }
    let end = min((chunk + 1u) * CHUNK, VOCAB);
    for (var id = chunk * CHUNK + lane % CHUNK_LANES; id < end; id += CHUNK_LANES) {
      let rank = rank_of(keys[field.first_key + id]);
      if (rank <= last) {
        let at = atomicAdd(&tally_count, 1u);
        if (at < MAX_GATHERED) {
          gathered_tokens[at] = vec2(rank, id);
        }
        weight += weight_of(field, rank, by_mass);
      }
    }
  }
  return tally(weight, lane);
}

// Looks for a drop that holds all tokens before which lies less than `limit` and that fits into workgroup memory, so that
// the search itself need not read the vocabulary. Tokens further than `max_drop` below the best are not wanted.
// Returns the number of candidates or NOT_GATHERED.
fn gather(field: Field, by_mass: bool, limit: u32, max_drop: f32, lane: u32) -> u32 {
  if (!by_mass && limit > MAX_GATHERED) {
    return NOT_GATHERED;
  }
  var low = 4.0;
  var high = 0.0; // unknown
  var drop = min(2.0 * low, max_drop);
  for (var attempt = 0u; attempt < 8u; attempt++) {
    let found = gather_within(drop, field, by_mass, lane);
    if (found.weight < limit && drop < max_drop) {
      low = drop;
    } else if (found.count <= MAX_GATHERED) {
      return found.count;
    } else if (found.weight < limit) {
      return NOT_GATHERED;
    } else {
      high = drop;
      low = min(low, 0.5 * drop);
    }
    drop = select(min(2.0 * low, max_drop), 0.5 * (low + high), high > 0.0);
  }
  return NOT_GATHERED;
}
