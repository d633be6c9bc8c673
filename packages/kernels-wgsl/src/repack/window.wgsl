// What repack's targets share: its parameters, and where a number of the checkpoint lies (quant's grid.ts).
struct Params {
  num_rows: u32,         // rows of the window
  num_groups: u32,       // groups of the window
  first_group: u32,
  row_groups: u32,       // groups of a whole row in the plane
  dst: u32,              // window row i becomes row dst + i / block * stride + i % block
  block: u32,
  stride: u32,
  source_start: u32,     // number of the source where the window's first line starts
  first_row: u32,        // row of the window inside its lines, or first line of it
  first_column: u32,     // column of the first line, if lines are columns
  pitch: u32,            // numbers between lines; words, if lines share words
  is_transposed: u32,
  is_across: u32,
  is_interleaved: u32,
  added: u32,            // to every zero point
  reserved: u32,
}

@group(0) @binding(4) var<storage, read> params: Params;

// x: word of the number at a row of the window and a column (or group) of the matrix; y: its place in the word.
fn place_of(row: u32, column: u32, per_word: u32) -> vec2<u32> {
  let is_transposed = params.is_transposed != 0u;
  let r = params.first_row + row;
  let c = column - params.first_column;
  let line = select(r, c, is_transposed);
  let at = select(c, r, is_transposed);
  if params.is_across != 0u {
    return vec2<u32>(params.source_start / per_word + line / per_word * params.pitch + at, line % per_word);
  }
  let index = params.source_start + line * params.pitch + at;
  let lane = index % per_word;
  return vec2<u32>(index / per_word, select(lane, lane % 2u * 4u + lane / 2u, params.is_interleaved != 0u));
}
