// Fills `product` on adapters that are CPUs: an invocation owns eight weight rows and all columns. No barriers, and few
// loads in the text, since such adapters turn each into a loop and take long to compile it. Names not declared here are
// the kernel's.
import slot::weights::{weight_oct};
import slot::epilogue::{write_pair};

override PAIRS: u32;         // pairs of row-blocks of a workgroup

@compute @workgroup_size(PAIRS)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let pair = (wg.y * 32768u + wg.x) * PAIRS + local;
  let token = wg.z * COLUMNS;
  if (2u * pair >= NUM_BLOCKS || is_idle(token)) {
    return;
  }
  var starts = array<u32, COLUMNS>();
  for (var c = 0u; c < COLUMNS; c++) {
    starts[c] = row_start(token + c);
  }
  var low = array<vec4<f32>, COLUMNS>();
  var high = array<vec4<f32>, COLUMNS>();
  var squares = array<f32, COLUMNS>();
  for (var half = 0u; half < 2u; half++) {
    let row = 4u * (first_block(token) + min(2u * pair + half, NUM_BLOCKS - 1u));
    low = high;
    for (var c = 0u; c < COLUMNS; c++) {
      high[c] = vec4<f32>();
      squares[c] = 0.0;
    }
    for (var k8 = 0u; k8 < 4u * NUM_GROUPS; k8++) {
      let w0 = weight_oct(row, k8);
      let w1 = weight_oct(row + 1u, k8);
      let w2 = weight_oct(row + 2u, k8);
      let w3 = weight_oct(row + 3u, k8);
      for (var c = 0u; c < COLUMNS; c++) {
        let a = x[starts[c] + 2u * k8];
        let b = x[starts[c] + 2u * k8 + 1u];
        @if(norm) squares[c] += dot(a, a) + dot(b, b);
        high[c] += scaled(a, 2u * k8) * mat4x4<f32>(w0[0], w1[0], w2[0], w3[0])
          + scaled(b, 2u * k8 + 1u) * mat4x4<f32>(w0[1], w1[1], w2[1], w3[1]);
      }
    }
  }
  for (var c = 0u; c < COLUMNS; c++) {
    let scale = sum_scale(squares[c]);
    write_pair(token + c, pair, low[c] * scale, high[c] * scale);
  }
}
