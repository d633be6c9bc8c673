// Where a unit lies in the main plane; the same rule as tile-layout.ts.
override COLS: u32;          // columns of the matrix, padded to a multiple of 32 or not

// x: unit of the block's first row, part 0. y: step. Row r and part c of the same group lie at x + (c * 4 + r) * y.
fn unit_place(block: u32, group: u32, units_per_group: u32) -> vec2<u32> {
  let groups = (COLS + 31u) / 32u;
  let tile = group / 8u;
  let width = min(8u, groups - tile * 8u);
  return vec2<u32>((block * groups + tile * 8u) * 4u * units_per_group + group % 8u, width);
}
