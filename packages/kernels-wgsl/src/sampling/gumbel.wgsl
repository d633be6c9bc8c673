// Gumbel noise from a counter: a pure function of seed, position and token id, so a draw does not depend on the batch or
// on the order in which tokens are visited. sampler.reference.ts computes the same bits.

fn scramble(x: u32) -> u32 {
  var h = x + 0x9e3779b9u;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

// What `gumbel` needs to know of a draw: 64 bits for the token at `position` of a sequence with `seed`.
fn gumbel_stream(seed: u32, position: u32) -> vec2<u32> {
  return vec2(scramble(seed ^ scramble(position)), scramble(position ^ scramble(~seed)));
}

// -log(-log(1 - v)) for a uniform v in (0, 1), between -3.2 and 22.9. Small v make the large values that win, so the inner
// logarithm is a series there: `log` near 1 has an absolute error only.
fn gumbel(stream: vec2<u32>, id: u32) -> f32 {
  let bits = scramble(scramble(id ^ stream.x) ^ stream.y);
  let unit = 1.0 / 4294967296.0;
  let v = (f32(bits) + 0.5) * unit;
  var wait = -log((f32(~bits) + 0.5) * unit);
  if (v < 0.25) {
    let s = v / (2.0 - v);
    let s2 = s * s;
    wait = 2.0 * s * (1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 / 7.0)));
  }
  return -log(wait);
}
