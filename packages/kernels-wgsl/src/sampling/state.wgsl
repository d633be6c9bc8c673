// What the sampling kernels share: the records of a draw, and which tokens a kind of draw looks at. The byte layout of
// SlotParams is written by sampling-buffers.ts. No bindings here.

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
  reserved: array<u32, 12>,
}

// A token and its value; `id` is NO_ID before the first.
struct Best {
  key: f32,
  id: u32,
}

// What sample-prepare tells of a chunk: its best token, and for filtered draws the sum of exp(logit - key).
struct Partial {
  key: f32,
  id: u32,
  sum: f32,
  reserved: u32,
}

const CHUNK: u32 = 512u;                // tokens per Partial
const NO_ID: u32 = 0xffffffffu;
const MASKED: f32 = -3.0e38;            // logit of a token that must not be drawn
const LOWEST: f32 = -3.4e38;            // below every logit, masked ones included
const STATE_DONE: u32 = 1u;             // bit of SlotState.flags
const PARAMS_HAVE_BANNED: u32 = 1u;     // bit of SlotParams.flags
const COUNT_PROMPT: u32 = 0x80000000u;  // bits of a count; the low 30 are how often the token was generated
const COUNT_BANNED: u32 = 0x40000000u;
const COUNT_MASK: u32 = 0x3fffffffu;

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
