// The end of a linear product whose outputs are its weight rows: bias, then a store or an addition to what y holds.

override OUTPUTS: u32;       // elements of an output row
override Y_STRIDE: u32;      // elements between output rows

@if(bias) @group(0) @binding(5) var<storage, read> bias: array<f32>;          // [OUTPUTS]
@group(0) @binding(7) var<storage, read_write> y: array<f32>;                 // [numTokens, Y_STRIDE]

fn write_output(token: u32, output: u32, sum: f32) {
  if (output < OUTPUTS) {
    var value = sum;
    @if(bias) value += bias[output];
    @if(add) value += y[token * Y_STRIDE + output];
    y[token * Y_STRIDE + output] = value;
  }
}

// low and high: sums of weight rows 8 * pair + 0..3 and 8 * pair + 4..7.
fn write_pair(token: u32, pair: u32, low: vec4<f32>, high: vec4<f32>) {
  for (var r = 0u; r < 4u; r++) {
    write_output(token, 8u * pair + r, low[r]);
    write_output(token, 8u * pair + 4u + r, high[r]);
  }
}
