// The f16 and bf16 formats: 4 units of 8 weights, the earlier one in the low half of a word.
import package::pack::half::{f32_to_bf16_bits, f32_to_f16_bits};
import package::pack::span::{Span, element_at, unit_place};
import slot::source::{source_bits};

const SPAN: u32 = 32u;

@group(0) @binding(0) var<storage, read_write> weight: array<u32>;

fn element(span: Span, k: u32) -> u32 {
  if k >= span.count {
    return 0u;
  }
  @if(!bf16) return f32_to_f16_bits(source_bits(element_at(span, k)));
  @if(bf16) return f32_to_bf16_bits(source_bits(element_at(span, k)));
}

fn pack_span(span: Span) {
  let place = unit_place(span.row, span.number, 4u);
  for (var i = 0u; i < SPAN / 2u; i++) {
    let pair = element(span, 2u * i) | (element(span, 2u * i + 1u) << 16u);
    weight[(place.x + i / 4u * place.y) * 4u + i % 4u] = pair;
  }
}
