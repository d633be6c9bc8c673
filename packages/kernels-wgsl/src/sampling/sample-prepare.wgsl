// First dispatch of sampling: penalties, masks and temperature for one chunk of the vocabulary of one sampled row, and the
// chunk's best token. Greedy and plain draws end with the best of these; filtered ones need the new logits and sums too.
// A workgroup is a chunk (x) of a sampled row (y).
import package::lib::row::{Row, SlotState};
import package::sampling::state::{SlotParams, Best, Partial, draw_kind, exp_of_drop, num_chunks};
import package::sampling::gumbel::{gumbel_stream, gumbel};
import slot::reduce::{reduce_sum};
import slot::lanes::{lanes_best};

override VOCAB: u32;          // tokens
override LOGITS_STRIDE: u32;  // elements between rows of logits
override VOCAB_STRIDE: u32;   // elements between slots of counts

const LANES: u32 = 64u; // knob: invocations of a workgroup, a power of two

@group(0) @binding(0) var<storage, read_write> logits: array<u32>;        // [numSampled, LOGITS_STRIDE], f32 bits
@group(0) @binding(1) var<storage, read> sample_rows: array<u32>;         // [numSampled]
@group(0) @binding(2) var<storage, read> rows: array<Row>;                // [numRows]
@group(0) @binding(3) var<storage, read> slot_params: array<SlotParams>;  // [numSlots]
@group(0) @binding(4) var<storage, read> slot_state: array<SlotState>;    // [numSlots]
@group(0) @binding(5) var<storage, read> counts: array<u32>;              // [numSlots, VOCAB_STRIDE]
@group(0) @binding(6) var<storage, read_write> partials: array<Partial>;  // [numSampled, numChunks]

fn penalised(logit: f32, count: u32, repetition: f32, presence: f32, frequency: f32) -> f32 {
  var result = logit;
  if ((count & (COUNT_PROMPT | COUNT_MASK)) != 0u) {
    result = select(logit / repetition, logit * repetition, logit < 0.0);
  }
  let generated = count & COUNT_MASK;
  return result - select(0.0, presence, generated > 0u) - frequency * f32(generated);
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
  let have_banned = (slot_params[slot].flags & PARAMS_HAVE_BANNED) != 0u;
  let use_counts = have_banned || repetition != 1.0 || presence != 0.0 || frequency != 0.0;
  let mask_stops = position < slot_params[slot].min_position;
  let kind = draw_kind(temperature, slot_params[slot].top_k, slot_params[slot].top_p, slot_params[slot].min_p, VOCAB);
  let sharpness = 1.0 / select(temperature, 1.0, temperature <= 0.0);
  let stream = gumbel_stream(slot_params[slot].seed, position);

  var best = Best(LOWEST, NO_ID);
  var sum = 0.0; // of exp(logit - best.key)
  for (var id = wg.x * CHUNK + lane; id < min((wg.x + 1u) * CHUNK, VOCAB); id += LANES) {
    // Looked at as bits, because WGSL may assume that no f32 is NaN or infinite.
    let at = wg.y * LOGITS_STRIDE + id;
    let bits = logits[at];
    var masked = (bits & 0x7f800000u) == 0x7f800000u;
    var logit = clamp(bitcast<f32>(select(bits, 0u, masked)), -1.0e30, 1.0e30);
    if (use_counts) {
      let count = counts[slot * VOCAB_STRIDE + id];
      masked = masked || (count & COUNT_BANNED) != 0u;
      logit = penalised(logit, count, repetition, presence, frequency);
    }
    if (mask_stops) {
      masked = masked || is_stop_id(slot, id);
    }
    var key = select(logit * sharpness, MASKED, masked);
    if (kind == DRAW_FILTERED) {
      logits[at] = bitcast<u32>(key);
      if (key > best.key) {
        sum = sum * exp_of_drop(best.key - key) + 1.0;
      } else {
        sum += exp_of_drop(key - best.key);
      }
    } else if (kind == DRAW_PLAIN && !masked) {
      key += gumbel(stream, id);
    }
    if (key > best.key) {
      best = Best(key, id);
    }
  }

  let chosen = lanes_best(best, lane);
  sum = reduce_sum(sum * exp_of_drop(best.key - chosen.key), lane);
  if (lane == 0u) {
    partials[wg.y * num_chunks(VOCAB) + wg.x] = Partial(chosen.key, chosen.id, sum, 0u);
  }
}
