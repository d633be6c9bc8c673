// Where a token lies in a layer's KV cache: [page][kv head][K|V][slot in page][D], in units of four elements.
// The kernel declares KV_HEADS, PAGE and D4.

// First unit of a key; the value of the same token starts `kv_value_offset()` units later.
fn kv_key(page: u32, kv_head: u32, slot_in_page: u32) -> u32 {
  return ((page * KV_HEADS + kv_head) * 2u * PAGE + slot_in_page) * D4;
}

fn kv_value_offset() -> u32 {
  return PAGE * D4;
}
