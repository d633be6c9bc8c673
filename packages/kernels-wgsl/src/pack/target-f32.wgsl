// The f32 format: 8 units of 4 weights.
import package::pack::span::{Span, element_at, unit_place};
import slot::source::{source_bits};

const SPAN: u32 = 32u;

@group(0) @binding(0) var<storage, read_write> weight: array<u32>;

fn pack_span(span: Span) {
  let place = unit_place(span.row, span.number, 8u);
  for (var k = 0u; k < SPAN; k++) {
    var bits = 0u;
    if k < span.count {
      bits = source_bits(element_at(span, k));
    }
    weight[(place.x + k / 4u * place.y) * 4u + k % 4u] = bits;
  }
}
