// Groups of int4 and int8 weights whose columns are scattered (GPTQ's act-order): tables name the group of every column,
// and every column brings its own scales. `code_oct` is the codes' file's. The plane `zeros` holds, for every block, its
// zero points and then the word where its table begins; behind all blocks come the tables, a half word for every column, padding included.
import package::formats::groups::{scale_index, scales_at, scale_of, zeros_at, zero_of, zeros};

// Index of the scales of a column; of its zero points too, but for the words of tables.
fn column_index(block: u32, column: u32) -> u32 {
  let table = zeros[scale_index(block + 1u, block)];   // behind block + 1 rows of zero points and block such words
  return scale_index(block, (zeros[table + column / 2u] >> (column % 2u * 16u)) & 0xffffu);
}

// 4 columns of a block's 4 rows times 4 activations; codes are columns of rows.
fn dot_columns(block: u32, column: u32, codes: mat4x4<f32>, x: vec4<f32>) -> vec4<f32> {
  var columns = transpose(codes);
  var sums = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let index = column_index(block, column + i);
    sums += scales_at(index) * (columns[i] - zeros_at(index + block)) * x[i];
  }
  return sums;
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  var x = array<vec4<f32>, 8>(x0, x1, x2, x3, x4, x5, x6, x7);
  var sums = vec4<f32>();
  for (var oct = 0u; oct < 4u; oct++) {
    let k8 = 4u * group + oct;
    let c0 = code_oct(4u * block, k8);
    let c1 = code_oct(4u * block + 1u, k8);
    let c2 = code_oct(4u * block + 2u, k8);
    let c3 = code_oct(4u * block + 3u, k8);
    sums += dot_columns(block, 8u * k8, mat4x4<f32>(c0[0], c1[0], c2[0], c3[0]), x[2u * oct]);
    sums += dot_columns(block, 8u * k8 + 4u, mat4x4<f32>(c0[1], c1[1], c2[1], c3[1]), x[2u * oct + 1u]);
  }
  return sums;
}

// 4 columns of one row.
fn quad_weights(row: u32, column: u32, codes: vec4<f32>) -> vec4<f32> {
  let block = row / 4u;
  var scale = vec4<f32>();
  var zero = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let index = column_index(block, column + i);
    scale[i] = scale_of(index, row % 4u);
    zero[i] = zero_of(index + block, row % 4u);
  }
  return (codes - zero) * scale;
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let codes = code_oct(row, k8);
  return mat2x4<f32>(quad_weights(row, 8u * k8, codes[0]), quad_weights(row, 8u * k8 + 4u, codes[1]));
}
