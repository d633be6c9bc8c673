// Plain f32 rows, `pitch` elements apart: norm weights, biases, tables. Elements beyond a row are left alone.
import package::pack::span::{params, Span};
import slot::source::{source_bits};

const SPAN: u32 = 32u;

@group(0) @binding(0) var<storage, read_write> vector: array<u32>;

fn pack_span(span: Span) {
  let start = span.row * params.pitch + span.number * SPAN;
  for (var k = 0u; k < span.count; k++) {
    let bits = source_bits(span.first + k);
    let changed = bitcast<u32>((bitcast<f32>(bits) + params.offset) * params.scale);
    vector[start + k] = select(changed, bits, params.offset == 0.0 && params.scale == 1.0);
  }
}
