// Second dispatch of sampling, one workgroup per sampled row: draws the token and advances the sequence. How the filters
// find the tokens that may be drawn is in candidates.wgsl and cut.wgsl; here are the draw and what is written after it.
import package::lib::row::{Row, SlotState};
import package::sampling::state::{SlotParams, Best, Partial, better, draw_kind, exp_of_drop, num_chunks};
import package::sampling::gumbel::{gumbel_stream, gumbel};
import package::sampling::candidates::{Field, gather, num_candidates, candidate, rank_of, key_of};
import package::sampling::cut::{narrow, total_mass, is_kept};
import slot::reduce::{reduce_sum};
import slot::lanes::{lanes_best};

override VOCAB: u32;          // tokens
override LOGITS_STRIDE: u32;  // elements between rows of keys
override VOCAB_STRIDE: u32;   // elements between slots of counts
override RING: u32;           // entries of a slot's ring, a power of two

const DIGIT_BITS: u32 = 8u; // knob: bits that a round of the radix search decides; a divisor of 32
const LANES: u32 = 1u << DIGIT_BITS;
const MASS_ONE: f32 = 2147483648.0;
const NO_LIMIT: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> keys: array<u32>;                    // [numSampled, LOGITS_STRIDE], f32 bits
@group(0) @binding(1) var<storage, read> sample_rows: array<u32>;             // [numSampled]
@group(0) @binding(2) var<storage, read_write> rows: array<Row>;              // [numRows]
@group(0) @binding(3) var<storage, read> slot_params: array<SlotParams>;      // [numSlots]
@group(0) @binding(4) var<storage, read_write> slot_state: array<SlotState>;  // [numSlots]
@group(0) @binding(5) var<storage, read_write> counts: array<u32>;            // [numSlots, VOCAB_STRIDE]
@group(0) @binding(6) var<storage, read> partials: array<Partial>;            // [numSampled, numChunks]
@group(0) @binding(7) var<storage, read_write> ring: array<u32>;              // [numSlots, RING]

// Values that steer barriers travel through here, so that they are uniform for the compiler too.
var<workgroup> shared_row: vec2<u32>;
var<workgroup> shared_sum: f32;
var<workgroup> shared_best: Best;

// What must lie before a token for top-p to drop it: more than its share.
fn mass_limit(top_p: f32, mass: f32) -> u32 {
  return select(NO_LIMIT, u32(min(top_p, 1.0) * mass) + 1u, top_p < 1.0);
}

// Gumbel-max over the tokens that top-k, top-p and min-p leave.
fn draw_filtered(sampled: u32, slot: u32, best: f32, stream: vec2<u32>, lane: u32) -> Best {
  let first_partial = sampled * num_chunks(VOCAB);
  var lane_sum = 0.0;
  for (var chunk = lane; chunk < num_chunks(VOCAB); chunk += LANES) {
    let mass = partials[first_partial + chunk].drawn;
    lane_sum += mass.sum * exp_of_drop(mass.best.key - best);
  }
  let sum = reduce_sum(lane_sum, lane);
  if (lane == 0u) {
    shared_sum = sum;
  }
  let total = workgroupUniformLoad(&shared_sum);

  let top_p = slot_params[slot].top_p;
  let min_p = slot_params[slot].min_p;
  let top_k = select(slot_params[slot].top_k, 0u, slot_params[slot].top_k >= VOCAB);
  let min_p_drop = select(1.0e30, -log(clamp(min_p, 1.0e-30, 1.0)), min_p > 0.0);

  // The scale is such that the mass of all that top-k may keep is near MASS_ONE and fits a u32.
  var by_mass = top_k == 0u;
  var limit = select(top_k, mass_limit(top_p, MASS_ONE), by_mass);
  let scale = MASS_ONE / select(min(total, f32(top_k)), total, by_mass);
  var field = Field(sampled * LOGITS_STRIDE, first_partial, best, scale, NOT_GATHERED);
  field.gathered = gather(field, by_mass, limit, select(1.0e30, min_p_drop, by_mass), lane);
  var cut = KEEP_ALL;
  loop {
    cut = narrow(field, cut, by_mass, limit, lane);
    if (by_mass || top_p >= 1.0) {
      break;
    }
    by_mass = true;
    limit = mass_limit(top_p, f32(total_mass(field, cut, lane)));
  }
  let min_p_end = vec2(rank_of(bitcast<u32>(best - min_p_drop)), NO_ID);
  cut = select(cut, min_p_end, min_p > 0.0 && is_kept(min_p_end, cut));

  var mine = Best(LOWEST, NO_ID);
  for (var i = lane; i < num_candidates(field); i += LANES) {
    let token = candidate(field, i);
    if (is_kept(token, cut)) {
      mine = better(mine, Best(key_of(token.x) + gumbel(stream, token.y), token.y));
    }
  }
  return lanes_best(mine, lane);
}

fn ends_sequence(slot: u32, id: u32, position: u32) -> bool {
  var ends = position >= slot_params[slot].max_position;
  for (var i = 0u; i < slot_params[slot].num_stop_ids; i++) {
    ends = ends || slot_params[slot].stop_ids[i] == id;
  }
  return ends;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let sampled = wg.x;
  let row = sample_rows[sampled];
  if (lane == 0u) {
    let slot = rows[row].slot;
    let is_over = (slot_state[slot].flags & STATE_DONE) != 0u;
    if (is_over) {
      slot_state[slot].flags |= STATE_OVER;
    }
    shared_row = vec2(select(slot, NO_ID, is_over), rows[row].position + 1u);
  }
  let slot_position = workgroupUniformLoad(&shared_row);
  let slot = slot_position.x;
  let position = slot_position.y;
  if (slot == NO_ID) {
    return;
  }

  var mine = Best(LOWEST, NO_ID);
  for (var chunk = lane; chunk < num_chunks(VOCAB); chunk += LANES) {
    mine = better(mine, partials[sampled * num_chunks(VOCAB) + chunk].drawn.best);
  }
  var drawn = lanes_best(mine, lane);

  let top_k = slot_params[slot].top_k;
  let kind = draw_kind(slot_params[slot].temperature, top_k, slot_params[slot].top_p, slot_params[slot].min_p, VOCAB);
  if (kind == DRAW_FILTERED) {
    if (lane == 0u) {
      shared_best = drawn;
    }
    let best = workgroupUniformLoad(&shared_best).key;
    drawn = draw_filtered(sampled, slot, best, gumbel_stream(slot_params[slot].seed, position), lane);
  }

  if (lane == 0u) {
    let done = ends_sequence(slot, drawn.id, position);
    ring[slot * RING + position % RING] = drawn.id | select(0u, 0x80000000u, done);
    // A slot that verifies has several rows here, which must not write the same.
    if (slot_state[slot].verifies == 0u) {
      rows[row].position = position;
      rows[row].rope_row += 1u;
      slot_state[slot].token = drawn.id;
      slot_state[slot].flags |= select(0u, STATE_DONE, done);
      slot_state[slot].step += 1u;
      counts[slot * VOCAB_STRIDE + drawn.id] += 1u;
    }
  }
}
