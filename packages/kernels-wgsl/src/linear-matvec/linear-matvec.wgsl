// y[c] = epilogue(W x[c]) for COLUMNS activation rows c: the product of decoding, bound by the bytes of W. This file holds
// the inputs; the slot `product` spreads the work and has `main`: lanes.wgsl on GPUs, serial-subgroup.wgsl or serial.wgsl on
// CPUs. The slot `tokens` says which row of x a token is, and which W it takes.
import slot::tokens::{row_start, first_block, is_idle};
import slot::product::{main};

override WIDTH: u32;         // columns of W
override NUM_GROUPS: u32;    // groups of 32 columns
override NUM_BLOCKS: u32;    // row-blocks of four weight rows of a W
override X_STRIDE: u32;      // elements between activation rows, a multiple of 32, zero beyond WIDTH
override EPSILON: f32;       // of the norm

const COLUMNS: u32 = 1u; // knob: activation rows of a workgroup

@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;                 // [numRows, X_STRIDE / 4]
@if(norm) @group(0) @binding(4) var<storage, read> gamma: array<vec4<f32>>;   // [X_STRIDE / 4]

// Activations as the product takes them; index counts inside a row.
fn scaled(value: vec4<f32>, index: u32) -> vec4<f32> {
  @if(norm) return value * gamma[index];
  @if(!norm) return value;
}

// What a sum over scaled activations is multiplied with: 1 / rms(x), which commutes with the product.
fn sum_scale(squares: f32) -> f32 {
  @if(norm) return inverseSqrt(squares / f32(WIDTH) + EPSILON);
  @if(!norm) return 1.0;
}
