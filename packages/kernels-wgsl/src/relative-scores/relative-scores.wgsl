// What queries make of learned rows for distances, which attention-encoder adds to its scores: for every row and head a number
// for each line, then one for each column, of the square that the row attends to. One workgroup per row.

override D4: u32;            // head size / 4
override HEADS: u32;
override SIDE: u32;          // rows are squares of SIDE * SIDE, one behind the other
override QKV_STRIDE: u32;    // elements between rows of qkv

const LANES: u32 = 256u; // knob: invocations of a workgroup

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;            // [numRows, QKV_STRIDE / 4]: q heads first
@group(0) @binding(1) var<storage, read> distances: array<vec4<f32>>;      // [2, 2 * SIDE - 1, D4]: of lines, of columns
@group(0) @binding(2) var<storage, read_write> relative: array<f32>;       // [numRows, HEADS, 2 * SIDE]

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  // D4, but not to the compiler: those for CPUs unroll loops of known length, which takes them half a minute.
  let num_units = select(0u, D4, arrayLength(&qkv) > 0u);
  let line = wg.x / SIDE % SIDE;
  let column = wg.x % SIDE;
  for (var i = lane; i < HEADS * 2u * SIDE; i += LANES) {
    let query = wg.x * (QKV_STRIDE / 4u) + i / (2u * SIDE) * D4;
    // The furthest distance to what comes later is the first row of its table.
    let own = select(column + 2u * SIDE - 1u, line, i % (2u * SIDE) < SIDE);
    let distance = (own + SIDE - 1u - i % SIDE) * D4;
    var sum = 0.0;
    for (var c = 0u; c < num_units; c++) {
      sum += dot(qkv[query + c], distances[distance + c]);
    }
    relative[wg.x * HEADS * 2u * SIDE + i] = sum;
  }
}
