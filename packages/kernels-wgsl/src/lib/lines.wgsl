// What decode does with lines of the KV cache: it reads four at a time and adds two. The kernel declares D4, PAGE, LANES
// and the workgroup variables `fresh`, the new token's key and value, and `grids`: array<vec2<f32>, 2> for them.
import slot::kv::{kv_grid, kv_load, kv_fit, kv_store};

fn four_grids(lines: vec4<u32>) -> mat4x2<f32> {
  return mat4x2<f32>(kv_grid(lines.x), kv_grid(lines.y), kv_grid(lines.z), kv_grid(lines.w));
}

// Elements 4c to 4c + 3 of four lines.
fn four_units(lines: vec4<u32>, c: u32, line_grids: mat4x2<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    kv_load(lines.x, c, line_grids[0]),
    kv_load(lines.y, c, line_grids[1]),
    kv_load(lines.z, c, line_grids[2]),
    kv_load(lines.w, c, line_grids[3]),
  );
}

// Finds the grids of the new lines and stores them, the key as line `key`, unless another workgroup does.
fn add_lines(key: u32, is_stored: bool, lane: u32) {
  for (var i = lane; i < 2u * D4; i += LANES) {
    let kind = i / D4;
    let grid = kv_fit(kind * D4);
    if (i == kind * D4) {
      grids[kind] = grid;
    }
    if (is_stored) {
      kv_store(key + kind * PAGE, i % D4, kind * D4, grid);
    }
  }
}
