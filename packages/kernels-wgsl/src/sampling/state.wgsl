// What the sampling kernels share: the records of a draw, and which tokens a kind of draw looks at. The byte layout of
// SlotParams is written by sampling-buffers.ts. No bindings here.

struct Bias {
  id: u32,
  value: f32,
}

struct SlotParams {
  temperature: f32,            // 0: greedy
  top_p: f32,
  min_p: f32,
  repetition_penalty: f32,
  presence_penalty: f32,
  frequency_penalty: f32,
  top_k: u32,                  // 0: off
  seed: u32,
  max_position: u32,           // a token drawn at it ends the sequence
  min_position: u32,           // tokens drawn before it are no stop ids
  flags: u32,
  num_stop_ids: u32,
  stop_ids: array<u32, 8>,
  logprobs: u32,               // 0: not wanted; 1 + n: of the drawn token and of the n best
  num_biases: u32,
  biases: array<Bias, 300>,    // ids ascending; their counts carry COUNT_BIASED
}

// A token and its value; `id` is NO_ID before the first.
struct Best {
  key: f32,
  id: u32,
}

// Of some tokens the best, and the sum of exp(key - best.key).
struct Mass {
  best: Best,
  sum: f32,
}

// What sample-prepare tells of a chunk. Not every draw needs all of it.
struct Partial {
  drawn: Mass,  // of the keys that the draw looks at; the sum for filtered draws
  model: Mass,  // of the model's own logits, where log probabilities are wanted
}

const CHUNK: u32 = 512u;                // tokens per Partial
const NO_ID: u32 = 0xffffffffu;
const MASKED: f32 = -3.0e38;            // logit of a token that must not be drawn
const LOWEST: f32 = -3.4e38;            // below every logit, masked ones included
const STATE_DONE: u32 = 1u;             // bits of SlotState.flags: the sequence has ended,
const STATE_OVER: u32 = 2u;             // and not in the latest step
const PARAMS_HAVE_BANNED: u32 = 1u;     // bit of SlotParams.flags
const COUNT_PROMPT: u32 = 0x80000000u;  // bits of a count; the low 29 are how often the token was generated
const COUNT_BANNED: u32 = 0x40000000u;
const COUNT_BIASED: u32 = 0x20000000u;
const COUNT_MASK: u32 = 0x1fffffffu;

const DRAW_GREEDY: u32 = 0u;            // best logit
const DRAW_PLAIN: u32 = 1u;             // Gumbel-max over all tokens
const DRAW_FILTERED: u32 = 2u;          // Gumbel-max over what top-k, top-p and min-p leave

// Filters that leave one token make a draw greedy; filters that leave everything make it plain.
fn draw_kind(temperature: f32, top_k: u32, top_p: f32, min_p: f32, vocab: u32) -> u32 {
  if (temperature <= 0.0 || top_k == 1u || top_p <= 0.0) {
    return DRAW_GREEDY;
  }
  let plain = (top_k == 0u || top_k >= vocab) && top_p >= 1.0 && min_p <= 0.0;
  return select(DRAW_FILTERED, DRAW_PLAIN, plain);
}

fn num_chunks(vocab: u32) -> u32 {
  return (vocab + CHUNK - 1u) / CHUNK;
}

// Ties go to the lower id, whatever the order of comparisons.
fn better(a: Best, b: Best) -> Best {
  let wins = a.key > b.key || (a.key == b.key && a.id <= b.id);
  return Best(select(b.key, a.key, wins), select(b.id, a.id, wins));
}

// exp(x) for x <= 0, kept away from arguments for which exp is loosely specified.
fn exp_of_drop(x: f32) -> f32 {
  return exp(max(x, -80.0));
}

fn no_mass() -> Mass {
  return Mass(Best(LOWEST, NO_ID), 0.0);
}

// Tokens are added by ascending id, so that ties go to the lower one.
fn with_token(mass: Mass, key: f32, id: u32) -> Mass {
  if (key > mass.best.key) {
    return Mass(Best(key, id), mass.sum * exp_of_drop(mass.best.key - key) + 1.0);
  }
  return Mass(mass.best, mass.sum + exp_of_drop(key - mass.best.key));
}

// A logit as the model gave it, looked at as bits, because WGSL may assume that no f32 is NaN or infinite: these are MASKED.
fn model_logit(bits: u32) -> f32 {
  let is_number = (bits & 0x7f800000u) != 0x7f800000u;
  return select(MASKED, clamp(bitcast<f32>(select(0u, bits, is_number)), -1.0e30, 1.0e30), is_number);
}
