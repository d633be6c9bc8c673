// Copies numbers of a quantised checkpoint (codes, zero points, scales) into a plane of a weight format, one invocation per
// row and group. What tells layouts apart comes from a buffer, so that a few pipelines serve every checkpoint.
import package::repack::window::{params};
import slot::target::{repack_group};

const LANES: u32 = 64u; // knob: invocations of a workgroup

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let index = (wg.y * 32768u + wg.x) * LANES + lane;
  if index >= params.num_rows * params.num_groups {
    return;
  }
  // Neighbouring invocations read what lies together.
  let is_transposed = params.is_transposed != 0u;
  let row = select(index / params.num_groups, index % params.num_rows, is_transposed);
  let group = select(index % params.num_groups, index / params.num_rows, is_transposed);
  let destination = params.dst + row / params.block * params.stride + row % params.block;
  repack_group(row, params.first_group + group, destination);
}
