// GGUF's block-quantised weights, multiplied in f32 by their codes; scale and offset meet the sums.
import package::formats::ggml::planes::{weight, HIGH_BITS, Grid, grid_at, Bits, bits_at};
import package::formats::tile::{unit_place};

// Codes 4 * quad .. of a group: low nibbles from their word, the rest from the word of high bits.
fn quad_codes(word: u32, bits: u32, quad: u32) -> vec4<f32> {
  var bytes = (word >> (4u * (quad % 2u))) & 0x0f0f0f0fu;
  @if(high) let shift = HIGH_BITS * (quad % (8u / HIGH_BITS));
  @if(high) bytes |= ((bits >> shift) & (0x01010101u * ((1u << HIGH_BITS) - 1u))) << 4u;
  return vec4<f32>(unpack4xU8(bytes));
}

// Codes of a row times activations: the first and the last 16 columns.
fn dot_codes(
  unit: u32, front: u32, back: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec2<f32> {
  let codes = weight[unit];
  return vec2<f32>(
    dot(quad_codes(codes.x, front, 0u), x0) + dot(quad_codes(codes.x, front, 1u), x1)
      + dot(quad_codes(codes.y, front, 2u), x2) + dot(quad_codes(codes.y, front, 3u), x3),
    dot(quad_codes(codes.z, back, 4u), x4) + dot(quad_codes(codes.z, back, 5u), x5)
      + dot(quad_codes(codes.w, back, 6u), x6) + dot(quad_codes(codes.w, back, 7u), x7),
  );
}

// Columns 32 * group .. of rows 4 * block .. times 32 activations: scale * sum of codes * x + offset * sum of x.
fn weight_dot(
  block: u32, group: u32,
  x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>,
  x4: vec4<f32>, x5: vec4<f32>, x6: vec4<f32>, x7: vec4<f32>,
) -> vec4<f32> {
  let place = unit_place(block, group, 1u);
  let unit = place.x;
  let step = place.y;
  let bits = bits_at(block, group);
  let r0 = dot_codes(unit, bits.front.x, bits.back.x, x0, x1, x2, x3, x4, x5, x6, x7);
  let r1 = dot_codes(unit + step, bits.front.y, bits.back.y, x0, x1, x2, x3, x4, x5, x6, x7);
  let r2 = dot_codes(unit + 2u * step, bits.front.z, bits.back.z, x0, x1, x2, x3, x4, x5, x6, x7);
  let r3 = dot_codes(unit + 3u * step, bits.front.w, bits.back.w, x0, x1, x2, x3, x4, x5, x6, x7);
  let front = vec4<f32>(r0.x, r1.x, r2.x, r3.x);
  let back = vec4<f32>(r0.y, r1.y, r2.y, r3.y);
  let front_total = dot((x0 + x1) + (x2 + x3), vec4<f32>(1.0));
  let back_total = dot((x4 + x5) + (x6 + x7), vec4<f32>(1.0));
  let grid = grid_at(block, group, 0u);
  @if(k16) let rest = grid_at(block, group, 1u);
  @if(k16) return (grid.scale * front + grid.offset * front_total) + (rest.scale * back + rest.offset * back_total);
  @if(!k16) return grid.scale * (front + back) + grid.offset * (front_total + back_total);
}

// Columns 8 * k8 .. of one row.
fn weight_oct(row: u32, k8: u32) -> mat2x4<f32> {
  let block = row / 4u;
  let r = row % 4u;
  let group = k8 / 4u;
  let part = k8 % 4u;
  let place = unit_place(block, group, 1u);
  let word = weight[place.x + r * place.y][part];
  let all = bits_at(block, group);
  let bits = select(all.front[r], all.back[r], part >= 2u);
  let grid = grid_at(block, group, part / 2u);
  let scale = grid.scale[r];
  let offset = grid.offset[r];
  return mat2x4<f32>(
    scale * quad_codes(word, bits, 2u * part) + offset,
    scale * quad_codes(word, bits, 2u * part + 1u) + offset,
  );
}
