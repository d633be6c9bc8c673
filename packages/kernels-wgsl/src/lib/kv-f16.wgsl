// KV cache of halves, read and written without the f16 feature. Fills the slot `kv`; floats need no grid.

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

fn kv_grid(_line: u32) -> vec2<f32> {
  return vec2<f32>();
}

fn kv_load(line: u32, c: u32, _grid: vec2<f32>) -> vec4<f32> {
  return kv_unpack(kv[line * D4 + c]);
}

fn kv_round(value: vec4<f32>, _grid: vec2<f32>) -> vec4<f32> {
  return kv_unpack(kv_pack(value));
}

@if(kvWrite)
fn kv_fit(_first: u32) -> vec2<f32> {
  return vec2<f32>();
}

@if(kvWrite)
fn kv_store(line: u32, c: u32, first: u32, _grid: vec2<f32>) {
  kv[line * D4 + c] = kv_pack(fresh[first + c]);
}
