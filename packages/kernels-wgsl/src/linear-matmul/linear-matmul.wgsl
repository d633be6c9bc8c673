// y[t] = epilogue(W x[t]) for many tokens t: the product of prefill, bound by arithmetic. This file holds the inputs; the
// slot `product` spreads the work and has `main`: tiles.wgsl on GPUs, linear-matvec's serial-subgroup.wgsl or serial.wgsl on
// CPUs. The slot `tokens` says which row of x a token is, and which W it takes.
import slot::tokens::{row_start, first_block, is_idle};
import slot::product::{main};

override NUM_GROUPS: u32;    // groups of 32 columns of W
override NUM_BLOCKS: u32;    // row-blocks of four weight rows of a W
override X_STRIDE: u32;      // elements between activation rows, a multiple of 32, zero beyond the columns of W

const COLUMNS: u32 = 4u; // knob: tokens of an invocation

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;                 // [numRows, X_STRIDE / 4]

// The norm has its own dispatch before this one.
fn scaled(value: vec4<f32>, index: u32) -> vec4<f32> {
  return value;
}

fn sum_scale(squares: f32) -> f32 {
  return 1.0;
}
