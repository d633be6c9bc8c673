// Numbers of a few bits, several to a word.
import package::repack::window::{place_of};

const BITS: u32 = 4u; // knob: of a number, 4 or 8

const PER_WORD: u32 = 32u / BITS;
const LARGEST: u32 = (1u << BITS) - 1u;

@group(0) @binding(3) var<storage, read> source: array<u32>;

fn number_at(row: u32, column: u32) -> u32 {
  let place = place_of(row, column, PER_WORD);
  return (source[place.x] >> (place.y * BITS)) & LARGEST;
}
