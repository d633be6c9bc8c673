// Third dispatch of sampling, in steps where a sequence asks for it: log probabilities of the drawn token and of the best
// ones, of the model's own distribution, before bias, penalties, masks, temperature and filters. One workgroup per sampled
// row. The softmax is that of sample-prepare, whose `partials` are used up: a chunk's best makes room for its next best.
import package::lib::row::{Row, SlotState};
import package::sampling::state::{SlotParams, Best, Partial, better, exp_of_drop, num_chunks, model_logit};
import slot::reduce::{reduce_sum};
import slot::lanes::{lanes_best};

override VOCAB: u32;          // tokens
override LOGITS_STRIDE: u32;  // elements between rows of logits
override RING: u32;           // entries of a slot's ring, a power of two

const LANES: u32 = 64u; // knob: invocations of a workgroup, a power of two
const ENTRY: u32 = 41u;
const LEAST: f32 = -9999.0;

@group(0) @binding(0) var<storage, read> logits: array<u32>;              // [numSampled, LOGITS_STRIDE], f32 bits
@group(0) @binding(1) var<storage, read> sample_rows: array<u32>;         // [numSampled]
@group(0) @binding(2) var<storage, read> rows: array<Row>;                // [numRows]
@group(0) @binding(3) var<storage, read> slot_params: array<SlotParams>;  // [numSlots]
@group(0) @binding(4) var<storage, read> slot_state: array<SlotState>;    // [numSlots]
@group(0) @binding(5) var<storage, read_write> partials: array<Partial>;  // [numSampled, numChunks]
// f32 bits of the drawn token's, then (id, f32 bits) of the best tokens, better first.
@group(0) @binding(6) var<storage, read_write> logprobs: array<u32>;      // [numSlots, RING, ENTRY]

// Best of what is left of all chunks.
fn best_left(first_partial: u32, lane: u32) -> Best {
  var mine = Best(LOWEST, NO_ID);
  for (var chunk = lane; chunk < num_chunks(VOCAB); chunk += LANES) {
    mine = better(mine, partials[first_partial + chunk].model.best);
  }
  return lanes_best(mine, lane);
}

// Sum of exp(logit - highest) over all tokens.
fn sum_of_chunks(first_partial: u32, highest: f32, lane: u32) -> f32 {
  var mine = 0.0;
  for (var chunk = lane; chunk < num_chunks(VOCAB); chunk += LANES) {
    let mass = partials[first_partial + chunk].model;
    mine += mass.sum * exp_of_drop(mass.best.key - highest);
  }
  return reduce_sum(mine, lane);
}

// The best token of a chunk behind `taken`, which is one of its tokens.
fn next_in_chunk(first_logit: u32, taken: Best, lane: u32) -> Best {
  let start = taken.id / CHUNK * CHUNK;
  var mine = Best(LOWEST, NO_ID);
  for (var id = start + lane; id < min(start + CHUNK, VOCAB); id += LANES) {
    let key = model_logit(logits[first_logit + id]);
    if (key < taken.key || (key == taken.key && id > taken.id)) {
      mine = better(mine, Best(key, id));
    }
  }
  return lanes_best(mine, lane);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = rows[sample_rows[wg.x]];
  let wanted = slot_params[row.slot].logprobs;
  if (wanted == 0u || (slot_state[row.slot].flags & STATE_OVER) != 0u) {
    return;
  }
  let first_logit = wg.x * LOGITS_STRIDE;
  let first_partial = wg.x * num_chunks(VOCAB);
  let entry = (row.slot * RING + row.position % RING) * ENTRY;

  var highest = 0.0;
  var log_sum = 0.0;
  for (var i = 0u; i < min(wanted, VOCAB); i++) {
    let best = best_left(first_partial, lane);
    if (i == 0u) {
      highest = best.key;
      log_sum = log(sum_of_chunks(first_partial, highest, lane));
      let drawn = model_logit(logits[first_logit + slot_state[row.slot].token]);
      if (lane == 0u) {
        logprobs[entry] = bitcast<u32>(max(drawn - highest - log_sum, LEAST));
      }
    }
    if (i + 1u < wanted) {
      let next = next_in_chunk(first_logit, best, lane);
      if (lane == 0u) {
        logprobs[entry + 1u + 2u * i] = best.id;
        logprobs[entry + 2u + 2u * i] = bitcast<u32>(max(best.key - highest - log_sum, LEAST));
        partials[first_partial + best.id / CHUNK].model.best = next;
      }
      storageBarrier();
    }
  }
}
