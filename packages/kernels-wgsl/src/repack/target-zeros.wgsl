// Zero points into bytes, those of a block's rows in a word: they are or-ed into a plane that holds zeros there.
import package::repack::window::{params};
import package::repack::packed::{LARGEST, number_at};

@group(0) @binding(0) var<storage, read_write> plane: array<atomic<u32>>;

fn repack_group(row: u32, group: u32, destination: u32) {
  let zero = (number_at(row, group) + params.added) & LARGEST;
  atomicOr(&plane[destination / 4u * params.row_groups + group], zero << (destination % 4u * 8u));
}
