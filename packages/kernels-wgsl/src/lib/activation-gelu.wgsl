// GELU, x * (1 + erf(x / sqrt(2))) / 2. Fills the slot `activation`.

// As max(x, 0) - |x| / 2 * erfc(|x| / sqrt(2)) nothing cancels where x is negative. erfc(z) for z >= 0 is Abramowitz and
// Stegun's formula 7.1.26, off by 1.5e-7 at most. Its exponent is clamped: beyond, the product is zero to f32.
fn activate(x: vec4<f32>, _row: u32) -> vec4<f32> {
  let size = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * 0.70710678 * size);
  let powers = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let z = min(size, vec4<f32>(13.0));
  return max(x, vec4<f32>(0.0)) - 0.5 * size * powers * exp(-0.5 * z * z);
}
