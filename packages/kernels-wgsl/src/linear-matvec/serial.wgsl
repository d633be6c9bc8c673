// Fills `product` on adapters that are CPUs: an invocation owns eight weight rows and all columns, so that activations, which
// such adapters read lane by lane, are read once for eight rows. No barriers, and few loads in the text, since each becomes a
// loop there and takes long to compile. Names not declared here are the kernel's.
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
  let row = 4u * first_block(token) + 8u * pair;
  let next = 4u * (first_block(token) + min(2u * pair + 1u, NUM_BLOCKS - 1u));
  for (var k8 = 0u; k8 < 4u * NUM_GROUPS; k8++) {
    let v0 = weight_oct(row, k8);
    let v1 = weight_oct(row + 1u, k8);
    let v2 = weight_oct(row + 2u, k8);
    let v3 = weight_oct(row + 3u, k8);
    let w0 = weight_oct(next, k8);
    let w1 = weight_oct(next + 1u, k8);
    let w2 = weight_oct(next + 2u, k8);
    let w3 = weight_oct(next + 3u, k8);
    for (var c = 0u; c < COLUMNS; c++) {
      var a = x[starts[c] + 2u * k8];
      var b = x[starts[c] + 2u * k8 + 1u];
      @if(norm) squares[c] += dot(a, a) + dot(b, b);
      a = scaled(a, 2u * k8);
      b = scaled(b, 2u * k8 + 1u);
      low[c] += a * mat4x4<f32>(v0[0], v1[0], v2[0], v3[0]) + b * mat4x4<f32>(v0[1], v1[1], v2[1], v3[1]);
      high[c] += a * mat4x4<f32>(w0[0], w1[0], w2[0], w3[0]) + b * mat4x4<f32>(w0[1], w1[1], w2[1], w3[1]);
    }
  }
  for (var c = 0u; c < COLUMNS; c++) {
    let scale = sum_scale(squares[c]);
    write_pair(token + c, pair, low[c] * scale, high[c] * scale);
  }
}
