// int4 weights in groups of neighbouring columns, multiplied in f16 where nothing can overflow: codes less 8 are exact in a
// half, and the 32 activations are divided by a power of two that brings them below 2. At most 8 products are added up in
// f16, the rest in f32.
import package::formats::int4::codes::{weight, code_oct, MIDDLE};
import package::formats::runs::{run_index, scales_at, zeros_at, weight_oct};
import package::formats::tile::{unit_place};

// Codes 0, 2, 1, 3 of a word, less 8. A half of 1024 with a code for its last bits is 1024 + code.
fn centred_codes(word: u32) -> vec4<f16> {
  let even = unpack2x16float((word & 0x000f000fu) | 0x64006400u);
  let odd = unpack2x16float(((word >> 8u) & 0x000f000fu) | 0x64006400u);
  return vec4<f16>(vec4<f32>(even, odd)) - 1032.0h;
}

fn dot_codes(
  unit: u32,
  x0: vec4<f16>, x1: vec4<f16>, x2: vec4<f16>, x3: vec4<f16>,
  x4: vec4<f16>, x5: vec4<f16>, x6: vec4<f16>, x7: vec4<f16>,
) -> f32 {
  let codes = weight[unit];
  let front = centred_codes(codes.x) * x0 + centred_codes(codes.x >> 4u) * x1
    + centred_codes(codes.y) * x2 + centred_codes(codes.y >> 4u) * x3;
  let back = centred_codes(codes.z) * x4 + centred_codes(codes.z >> 4u) * x5
    + centred_codes(codes.w) * x6 + centred_codes(codes.w >> 4u) * x7;
  let sums = vec4<f32>(vec4<f16>(front.xy + front.zw, back.xy + back.zw));
  return (sums.x + sums.y) + (sums.z + sums.w);
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations, from sums of (code - 8) * x.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let sizes = max(
    max(max(abs(x0), abs(x1)), max(abs(x2), abs(x3))),
    max(max(abs(x4), abs(x5)), max(abs(x6), abs(x7))),
  );
  // The largest size without its mantissa, kept where its inverse is a normal number too.
  let peak = bitcast<u32>(max(max(sizes.x, sizes.y), max(sizes.z, sizes.w))) & 0x7f800000u;
  let bits = clamp(peak, 0x00800000u, 0x7e800000u);
  let inverse = bitcast<f32>(0x7f000000u - bits);
  let h0 = vec4<f16>(inverse * x0.xzyw);
  let h1 = vec4<f16>(inverse * x1.xzyw);
  let h2 = vec4<f16>(inverse * x2.xzyw);
  let h3 = vec4<f16>(inverse * x3.xzyw);
  let h4 = vec4<f16>(inverse * x4.xzyw);
  let h5 = vec4<f16>(inverse * x5.xzyw);
  let h6 = vec4<f16>(inverse * x6.xzyw);
  let h7 = vec4<f16>(inverse * x7.xzyw);

  let place = unit_place(block, group, 1u);
  let unit = place.x;
  let step = place.y;
  var sums = bitcast<f32>(bits) * vec4<f32>(
    dot_codes(unit, h0, h1, h2, h3, h4, h5, h6, h7),
    dot_codes(unit + step, h0, h1, h2, h3, h4, h5, h6, h7),
    dot_codes(unit + 2u * step, h0, h1, h2, h3, h4, h5, h6, h7),
    dot_codes(unit + 3u * step, h0, h1, h2, h3, h4, h5, h6, h7),
  );
  let index = run_index(block, group);
  let total = dot(((x0 + x1) + (x2 + x3)) + ((x4 + x5) + (x6 + x7)), vec4<f32>(1.0));
  @if(biases) return scales_at(index) * (sums + MIDDLE * total) + biases_at(index) * total;
  @if(zeros) sums += (MIDDLE - zeros_at(index)) * total;
  @if(!biases) return scales_at(index) * sums;
}
