// Groups of int4 and int8 weights that are columns in a row. `code_oct` is the codes' file's.
import package::formats::groups::{GROUP_SIZE, scale_index, scaled_sums, weights_of};

// Index of the scales of 32 columns.
fn run_index(block: u32, group: u32) -> u32 {
  return scale_index(block, group / (GROUP_SIZE / 32u));
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  return weights_of(run_index(row / 4u, k8 / 4u), row % 4u, code_oct(row, k8));
}
