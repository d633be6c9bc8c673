// From the dot product of a query and a key to the score that the softmax takes, which keys a query sees at all, and what
// the softmax adds to them. The kernel declares KV_HEADS, GROUP, LOWEST and `learned`: array<f32>.

override WINDOW: u32;     // keys that a query sees, its own the last of them
override SOFTCAP: f32;    // scores stay between -SOFTCAP and SOFTCAP; 0 for no cap
override ALIBI: f32;      // factor on the slopes of ALiBi; 0 for none
override SINKS: u32;      // element of `learned` where the sinks of the query heads start, or NO_SINKS

const NO_SINKS: u32 = 0xffffffffu;

// First key that the query at a position sees.
fn window_start(position: u32) -> u32 {
  return max(position + 1u, WINDOW) - WINDOW;
}

// Scores of four keys, `offsets` being their positions less the query's. tanh is 1 to f32 long before the clamp.
fn scores_of(dots: vec4<f32>, query_head: u32, offsets: vec4<f32>) -> vec4<f32> {
  var scores = dots;
  if (SOFTCAP != 0.0) {
    scores = SOFTCAP * tanh(clamp(scores / SOFTCAP, vec4<f32>(-15.0), vec4<f32>(15.0)));
  }
  if (ALIBI != 0.0) {
    scores += ALIBI * alibi_slope(query_head) * offsets;
  }
  return scores;
}

// Powers of 2^(-8 / n) for the n heads up to a power of two; beyond, the odd powers of its square root.
fn alibi_slope(query_head: u32) -> f32 {
  let n = 1u << firstLeadingBit(KV_HEADS * GROUP);
  let power = select(f32(query_head + 1u), f32(query_head - n) + 0.5, query_head >= n);
  return exp2(-8.0 * power / f32(n));
}

// A logit that takes part in the softmax and has no value: its score, and 1 or 0 for whether there is one.
fn sink_of(query_head: u32) -> vec2<f32> {
  if (SINKS == NO_SINKS) {
    return vec2<f32>(LOWEST, 0.0);
  }
  return vec2<f32>(learned[SINKS + query_head], 1.0);
}
