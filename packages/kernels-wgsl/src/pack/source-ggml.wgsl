// Raw blocks of a block-quantised type of GGUF files, as the numbers they stand for.
import package::pack::ggml::{SCALE, ZERO, f32_at, block_start};

// The number of an element, rounded once: products of scale, multiple and code are exact in f32.
fn number_at(index: u32) -> f32 {
  let start = block_start(index);
  let scale = f32_at(start + SCALE);
  @if(half) return scale * (f32(code_at(index)) - f32(ZERO));
  @if(pair) return scale * f32(code_at(index)) + f32_at(start + SCALE + 2u);
  @if(k) let two = vec2<f32>(multiples(start, index % 256u / 32u));
  @if(k) return scale * two.x * f32(code_at(index)) - f32_at(start + SCALE + 2u) * two.y;
  @if(k16) let factor = f32(unpack4xI8(multiple(start, index % 256u / 16u)).x);
  @if(k16) return scale * factor * (f32(code_at(index)) - f32(ZERO));
}

// Bits of element `index` as f32.
fn source_bits(index: u32) -> u32 {
  return bitcast<u32>(number_at(index));
}
