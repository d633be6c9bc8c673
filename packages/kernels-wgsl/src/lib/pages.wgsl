// Where a token lies in a layer's KV cache. A line is one head of a token's key, or of its value; lines are numbered by
// [page][kv head][K|V][slot in page]. The kernel declares KV_HEADS, PAGE and D4.

// How lines are stored is the slot `kv`'s. Its modules have these functions; the last two only where `kvWrite` is set,
// for kernels that declare the workgroup variable `fresh`: array<vec4<f32>> for lines that are not in the cache yet.
//   kv_grid(line)                    what it takes to read a line: (scale, zero) for codes, nothing for floats
//   kv_load(line, c, grid)           elements 4c to 4c + 3
//   kv_round(value, grid)            what kv_load will give for four elements that are stored
//   kv_fit(first)                    the grid for the line that lies in `fresh` from `first` on
//   kv_store(line, c, first, grid)   stores its elements 4c to 4c + 3; call it for all c

// The key; the value of the same token is PAGE lines on.
fn kv_key(page: u32, kv_head: u32, slot_in_page: u32) -> u32 {
  return (page * KV_HEADS + kv_head) * 2u * PAGE + slot_in_page;
}
