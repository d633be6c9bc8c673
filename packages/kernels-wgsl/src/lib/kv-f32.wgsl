// KV cache of f32. Fills the slot `kv`; floats need no grid.

@if(kvWrite)
@group(0) @binding(0) var<storage, read_write> kv: array<vec4<f32>>;
@if(!kvWrite)
@group(0) @binding(0) var<storage, read> kv: array<vec4<f32>>;

fn kv_grid(_line: u32) -> vec2<f32> {
  return vec2<f32>();
}

fn kv_load(line: u32, c: u32, _grid: vec2<f32>) -> vec4<f32> {
  return kv[line * D4 + c];
}

fn kv_round(value: vec4<f32>, _grid: vec2<f32>) -> vec4<f32> {
  return value;
}

@if(kvWrite)
fn kv_fit(_first: u32) -> vec2<f32> {
  return vec2<f32>();
}

@if(kvWrite)
fn kv_store(line: u32, c: u32, first: u32, _grid: vec2<f32>) {
  kv[line * D4 + c] = fresh[first + c];
}
