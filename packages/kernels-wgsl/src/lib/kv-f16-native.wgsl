// KV cache of halves through shader-f16: the same bytes as kv-f16, no unpacking. Fills the slot `kv`.

@if(kvWrite)
@group(0) @binding(0) var<storage, read_write> kv: array<vec4<f16>>;
@if(!kvWrite)
@group(0) @binding(0) var<storage, read> kv: array<vec4<f16>>;

// Beyond the range of a half there is only infinity, which must not enter the cache.
fn kv_half(value: vec4<f32>) -> vec4<f16> {
  return vec4<f16>(clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
}

fn kv_grid(_line: u32) -> vec2<f32> {
  return vec2<f32>();
}

fn kv_load(line: u32, c: u32, _grid: vec2<f32>) -> vec4<f32> {
  return vec4<f32>(kv[line * D4 + c]);
}

fn kv_round(value: vec4<f32>, _grid: vec2<f32>) -> vec4<f32> {
  return vec4<f32>(kv_half(value));
}

@if(kvWrite)
fn kv_fit(_first: u32) -> vec2<f32> {
  return vec2<f32>();
}

@if(kvWrite)
fn kv_store(line: u32, c: u32, first: u32, _grid: vec2<f32>) {
  kv[line * D4 + c] = kv_half(fresh[first + c]);
}
