// The end of a gated product: y = activation(gate) * up, or activation(gate) * (up + what y holds). Weight rows and biases come interleaved, four gates and then the
// four ups of the same outputs.
import slot::activation::{activate};

override OUTPUTS: u32;       // elements of an output row
override Y_STRIDE: u32;      // elements between output rows

@if(bias) @group(0) @binding(5) var<storage, read> bias: array<f32>;          // [8 * ceil(OUTPUTS / 4)], interleaved
@group(0) @binding(7) var<storage, read_write> y: array<f32>;                 // [numTokens, Y_STRIDE]

@if(bias) fn bias_at(row: u32) -> vec4<f32> {
  return vec4<f32>(bias[row], bias[row + 1u], bias[row + 2u], bias[row + 3u]);
}

// low and high: sums of the gates and ups of outputs 4 * pair + 0..3.
fn write_pair(token: u32, pair: u32, low: vec4<f32>, high: vec4<f32>) {
  var gate = low;
  var up = high;
  @if(bias) gate += bias_at(8u * pair);
  @if(bias) up += bias_at(8u * pair + 4u);
  let factor = activate(gate, 8u * pair);
  for (var r = 0u; r < 4u; r++) {
    if (4u * pair + r < OUTPUTS) {
      let at = token * Y_STRIDE + 4u * pair + r;
      @if(add) up[r] += y[at];
      y[at] = factor[r] * up[r];
    }
  }
}
