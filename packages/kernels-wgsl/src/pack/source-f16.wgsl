// Raw f16 elements, two to a word.
import package::pack::half::{f16_to_f32_bits};

@group(0) @binding(3) var<storage, read> source: array<u32>;

// Bits of element `index` as f32.
fn source_bits(index: u32) -> u32 {
  return f16_to_f32_bits((source[index / 2u] >> (index % 2u * 16u)) & 0xffffu);
}
