// KV cache of halves, read and written without the f16 feature. Fills the slot `kv`; indices count four elements.

@if(kvWrite)
@group(0) @binding(0) var<storage, read_write> kv: array<vec2<u32>>;
@if(!kvWrite)
@group(0) @binding(0) var<storage, read> kv: array<vec2<u32>>;

fn kv_unpack(packed: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(packed.x), unpack2x16float(packed.y));
}

// Beyond the range of a half there is only infinity, which must not enter the cache.
fn kv_pack(value: vec4<f32>) -> vec2<u32> {
  let v = clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0));
  return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}

fn kv_load(index4: u32) -> vec4<f32> {
  return kv_unpack(kv[index4]);
}

// What a later kv_load will give for a value stored now.
fn kv_round(value: vec4<f32>) -> vec4<f32> {
  return kv_unpack(kv_pack(value));
}

@if(kvWrite)
fn kv_store(index4: u32, value: vec4<f32>) {
  kv[index4] = kv_pack(value);
}
