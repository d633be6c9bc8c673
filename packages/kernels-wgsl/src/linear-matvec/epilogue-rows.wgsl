// The end of a linear product whose outputs are its weight rows: bias, activation, then a store or an addition to what y
// holds.
import slot::activation::{activate};

override OUTPUTS: u32;       // elements of an output row
override Y_START: u32;       // those before them, of other products
override Y_STRIDE: u32;      // elements between output rows

@if(bias) @group(0) @binding(5) var<storage, read> bias: array<f32>;          // [Y_START + OUTPUTS]
@group(0) @binding(7) var<storage, read_write> y: array<f32>;                 // [numTokens, Y_STRIDE]

// Biases of four outputs. Those beyond the last one get its bias; they are not written.
@if(bias) fn bias_at(first: u32) -> vec4<f32> {
  let at = Y_START + min(vec4<u32>(first, first + 1u, first + 2u, first + 3u), vec4<u32>(OUTPUTS - 1u));
  return vec4<f32>(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

fn write_block(token: u32, first: u32, sums: vec4<f32>) {
  var values = sums;
  @if(bias) values += bias_at(first);
  values = activate(values, first);
  for (var r = 0u; r < 4u; r++) {
    if (first + r < OUTPUTS) {
      let at = token * Y_STRIDE + Y_START + first + r;
      @if(add) values[r] += y[at];
      y[at] = values[r];
    }
  }
}

// low and high: sums of weight rows 8 * pair + 0..3 and 8 * pair + 4..7.
fn write_pair(token: u32, pair: u32, low: vec4<f32>, high: vec4<f32>) {
  write_block(token, 8u * pair, low);
  write_block(token, 8u * pair + 4u, high);
}
