// One over the Euclidean norm of each row, as plain f32; a row of zeros counts as one of 1e-12.
import package::pack::span::{params, Span};
import slot::source::{source_bits};

const SPAN: u32 = 1048576u;   // rows are shorter

@group(0) @binding(0) var<storage, read_write> vector: array<f32>;

fn pack_span(span: Span) {
  var sum = 0.0;
  for (var k = 0u; k < span.count; k++) {
    let value = bitcast<f32>(source_bits(span.first + k));
    sum += value * value;
  }
  vector[span.row] = inverseSqrt(max(sum, 1.0e-24));
}
