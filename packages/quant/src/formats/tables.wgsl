// Groups of int4 and int8 weights whose columns are scattered (GPTQ's act-order): tables name the group of every column,
// and every column brings its own scales. `code_oct` is the codes' file's. The plane `zeros` holds, for every block, its
// zero points and then the word where its table begins; behind all blocks come the tables, a half word for every column, padding included.
import package::formats::groups::{scale_index, scales_at, zeros_at, zeros};

fn group_of(block: u32, column: u32) -> u32 {
  let table = zeros[scale_index(block + 1u, block)];   // behind block + 1 rows of zero points and block such words
  return (zeros[table + column / 2u] >> (column % 2u * 16u)) & 0xffffu;
}

// One column of a block's 4 rows.
fn column_weights(block: u32, column: u32, codes: vec4<f32>) -> vec4<f32> {
  let index = scale_index(block, group_of(block, column));
  return (codes - zeros_at(index + block)) * scales_at(index);
}

fn dot_columns(block: u32, column: u32, codes: mat4x4<f32>, x: vec4<f32>) -> vec4<f32> {
  let columns = transpose(codes);
  return column_weights(block, column, columns[0]) * x.x
    + column_weights(block, column + 1u, columns[1]) * x.y
    + column_weights(block, column + 2u, columns[2]) * x.z
    + column_weights(block, column + 3u, columns[3]) * x.w;
}

fn dot_oct(block: u32, k8: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  let c0 = code_oct(4u * block, k8);
  let c1 = code_oct(4u * block + 1u, k8);
  let c2 = code_oct(4u * block + 2u, k8);
  let c3 = code_oct(4u * block + 3u, k8);
  return dot_columns(block, 8u * k8, mat4x4<f32>(c0[0], c1[0], c2[0], c3[0]), a)
    + dot_columns(block, 8u * k8 + 4u, mat4x4<f32>(c0[1], c1[1], c2[1], c3[1]), b);
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let k8 = 4u * group;
  return dot_oct(block, k8, x0, x1) + dot_oct(block, k8 + 1u, x2, x3)
    + dot_oct(block, k8 + 2u, x4, x5) + dot_oct(block, k8 + 3u, x6, x7);
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let codes = code_oct(row, k8);
  var weights = mat2x4<f32>();
  for (var i = 0u; i < 8u; i++) {
    let columns = column_weights(row / 4u, 8u * k8 + i, vec4<f32>(codes[i / 4u][i % 4u]));
    weights[i / 4u][i % 4u] = columns[row % 4u];
  }
  return weights;
}
