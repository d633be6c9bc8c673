// The place of a unit in the main plane for kernels that write it (quant's tile-layout.ts).

// x: unit of part 0 of a group of a row that has `groups` of them, y: step from part to part.
fn unit_at(row: u32, group: u32, groups: u32, units_per_group: u32) -> vec2<u32> {
  let tile = group / 8u;
  let width = min(8u, groups - tile * 8u);
  let start = (row / 4u * groups + tile * 8u) * 4u * units_per_group;
  return vec2<u32>(start + (row % 4u) * width + group % 8u, 4u * width);
}
