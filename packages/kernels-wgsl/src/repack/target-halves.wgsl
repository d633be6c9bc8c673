// Scales or biases into halves, those of a block's rows in two words: they are or-ed into a plane that was zero.
import package::pack::half::{f32_to_f16_bits};
import package::repack::window::{params, place_of};
import slot::source::{source_bits};

@group(0) @binding(0) var<storage, read_write> plane: array<atomic<u32>>;

fn repack_group(row: u32, group: u32, destination: u32) {
  let half = f32_to_f16_bits(source_bits(place_of(row, group, 1u).x));
  let at = (destination / 4u * params.row_groups + group) * 2u + destination % 4u / 2u;
  atomicOr(&plane[at], half << (destination % 2u * 16u));
}
