// Turns the heads of q and k, in place, by angles that each row brings along: the rotary embeddings of vision towers, whose
// positions are lines and columns. Elements i and i + PAIRS of a head turn together. One workgroup per row.

override PAIRS: u32;         // half of a head's elements
override HEADS: u32;         // those of q and of k together
override QKV_STRIDE: u32;    // elements between rows of qkv

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;       // [numRows, QKV_STRIDE]: q heads, k heads, v heads
@group(0) @binding(1) var<storage, read> turns: array<vec2<f32>>;     // [numRows, PAIRS]: (cos, sin)

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < HEADS * PAIRS; i += LANES) {
    let turn = turns[wg.x * PAIRS + i % PAIRS];
    let first = wg.x * QKV_STRIDE + i / PAIRS * 2u * PAIRS + i % PAIRS;
    let pair = vec2<f32>(qkv[first], qkv[first + PAIRS]);
    let turned = pair * turn.x + vec2<f32>(-pair.y, pair.x) * turn.y;
    qkv[first] = turned.x;
    qkv[first + PAIRS] = turned.y;
  }
}
