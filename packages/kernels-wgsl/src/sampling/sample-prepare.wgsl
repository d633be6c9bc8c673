// First dispatch of sampling: bias, penalties, masks and temperature make the keys of one chunk of the vocabulary of one
// sampled row; and the chunk's best token. Greedy and plain draws end with the best of these; filtered ones need all keys
// and sums too. A workgroup is a chunk (x) of a sampled row (y).
import package::lib::row::{Row, SlotState};
import package::sampling::state::{SlotParams, Best, Mass, Partial, better, draw_kind, exp_of_drop, num_chunks};
import package::sampling::state::{no_mass, with_token, model_logit};
import package::sampling::gumbel::{gumbel_stream, gumbel};
import slot::reduce::{reduce_sum};
import slot::lanes::{lanes_best};

override VOCAB: u32;          // tokens
override LOGITS_STRIDE: u32;  // elements between rows of logits and of keys
override VOCAB_STRIDE: u32;   // elements between slots of counts

const LANES: u32 = 64u; // knob: invocations of a workgroup, a power of two

@group(0) @binding(0) var<storage, read> logits: array<u32>;              // [numSampled, LOGITS_STRIDE], f32 bits
@group(0) @binding(1) var<storage, read> sample_rows: array<u32>;         // [numSampled]
@group(0) @binding(2) var<storage, read> rows: array<Row>;                // [numRows]
@group(0) @binding(3) var<storage, read> slot_params: array<SlotParams>;  // [numSlots]
@group(0) @binding(4) var<storage, read> slot_state: array<SlotState>;    // [numSlots]
@group(0) @binding(5) var<storage, read> counts: array<u32>;              // [numSlots, VOCAB_STRIDE]
@group(0) @binding(6) var<storage, read_write> partials: array<Partial>;  // [numSampled, numChunks]
@group(0) @binding(7) var<storage, read_write> keys: array<u32>;          // [numSampled, LOGITS_STRIDE], f32 bits

fn penalised(logit: f32, count: u32, repetition: f32, presence: f32, frequency: f32) -> f32 {
  var result = logit;
  if ((count & (COUNT_PROMPT | COUNT_MASK)) != 0u) {
    result = select(logit / repetition, logit * repetition, logit < 0.0);
  }
  let generated = count & COUNT_MASK;
  return result - select(0.0, presence, generated > 0u) - frequency * f32(generated);
}

// Binary search; few tokens get here.
fn bias_of(slot: u32, id: u32) -> f32 {
  var low = 0u;
  var high = slot_params[slot].num_biases;
  while (low + 1u < high) {
    let middle = (low + high) / 2u;
    if (slot_params[slot].biases[middle].id <= id) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return slot_params[slot].biases[low].value;
}

fn is_stop_id(slot: u32, id: u32) -> bool {
  for (var i = 0u; i < slot_params[slot].num_stop_ids; i++) {
    if (slot_params[slot].stop_ids[i] == id) {
      return true;
    }
  }
  return false;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = rows[sample_rows[wg.y]];
  let slot = row.slot;
  if ((slot_state[slot].flags & STATE_DONE) != 0u) {
    return;
  }
  let position = row.position + 1u;
  let temperature = slot_params[slot].temperature;
  let repetition = slot_params[slot].repetition_penalty;
  let presence = slot_params[slot].presence_penalty;
  let frequency = slot_params[slot].frequency_penalty;
  let have_marks = (slot_params[slot].flags & PARAMS_HAVE_BANNED) != 0u || slot_params[slot].num_biases > 0u;
  let use_counts = have_marks || repetition != 1.0 || presence != 0.0 || frequency != 0.0;
  let want_logprobs = slot_params[slot].logprobs > 0u;
  let mask_stops = position < slot_params[slot].min_position;
  let kind = draw_kind(temperature, slot_params[slot].top_k, slot_params[slot].top_p, slot_params[slot].min_p, VOCAB);
  let sharpness = 1.0 / select(temperature, 1.0, temperature <= 0.0);
  let stream = gumbel_stream(slot_params[slot].seed, position);

  var drawn = no_mass();
  var model = no_mass();
  for (var id = wg.x * CHUNK + lane; id < min((wg.x + 1u) * CHUNK, VOCAB); id += LANES) {
    let at = wg.y * LOGITS_STRIDE + id;
    let given = model_logit(logits[at]);
    if (want_logprobs) {
      model = with_token(model, given, id);
    }
    var masked = given == MASKED;
    var logit = select(given, 0.0, masked);
    if (use_counts) {
      let count = counts[slot * VOCAB_STRIDE + id];
      masked = masked || (count & COUNT_BANNED) != 0u;
      if ((count & COUNT_BIASED) != 0u) {
        logit += bias_of(slot, id);
      }
      logit = penalised(logit, count, repetition, presence, frequency);
    }
    if (mask_stops) {
      masked = masked || is_stop_id(slot, id);
    }
    var key = select(logit * sharpness, MASKED, masked);
    if (kind == DRAW_FILTERED) {
      keys[at] = bitcast<u32>(key);
      drawn = with_token(drawn, key, id);
    } else {
      if (kind == DRAW_PLAIN && !masked) {
        key += gumbel(stream, id);
      }
      drawn.best = better(drawn.best, Best(key, id));
    }
  }

  // A loop, so that software adapters compile the barriers once.
  var masses = array(drawn, model);
  for (var i = 0u; i < select(1u, 2u, want_logprobs); i++) {
    let mine = masses[i];
    let best = lanes_best(mine.best, lane);
    masses[i] = Mass(best, reduce_sum(mine.sum * exp_of_drop(mine.best.key - best.key), lane));
  }
  if (lane == 0u) {
    partials[wg.y * num_chunks(VOCAB) + wg.x] = Partial(masses[0], masses[1]);
  }
}
