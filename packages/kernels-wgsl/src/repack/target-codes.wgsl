// Codes into the main plane: 32 columns are one unit of int4, two of int8. Every group is written once and whole.
import package::repack::window::{params};
import package::repack::packed::{BITS, PER_WORD, number_at};
import package::lib::unit::{unit_at};

@group(0) @binding(0) var<storage, read_write> plane: array<u32>;

fn repack_group(row: u32, group: u32, destination: u32) {
  let place = unit_at(destination, group, params.row_groups, BITS / 4u);
  for (var w = 0u; w < BITS; w++) {
    var word = 0u;
    for (var k = 0u; k < PER_WORD; k++) {
      // Codes 0-3 are the bytes of a word; of 4 bits, 4-7 are their high nibbles.
      word |= number_at(row, group * 32u + w * PER_WORD + k) << (k % 4u * 8u + k / 4u * 4u);
    }
    plane[(place.x + w / 4u * place.y) * 4u + w % 4u] = word;
  }
}
