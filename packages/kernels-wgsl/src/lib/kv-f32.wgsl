// KV cache of f32. Fills the slot `kv`; indices count four elements.

@if(kvWrite)
@group(0) @binding(0) var<storage, read_write> kv: array<vec4<f32>>;
@if(!kvWrite)
@group(0) @binding(0) var<storage, read> kv: array<vec4<f32>>;

fn kv_load(index4: u32) -> vec4<f32> {
  return kv[index4];
}

// What a later kv_load will give for a value stored now.
fn kv_round(value: vec4<f32>) -> vec4<f32> {
  return value;
}

@if(kvWrite)
fn kv_store(index4: u32, value: vec4<f32>) {
  kv[index4] = value;
}
