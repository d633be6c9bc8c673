// What pack's targets share: its parameters, a span of a row, and the place of a unit.
import package::lib::unit::{unit_at};

struct Params {
  num_rows: u32,       // rows of the window
  num_cols: u32,
  source_start: u32,   // element of the source where the window's first row starts
  dst: u32,            // window row i becomes row dst + i / block * stride + i % block
  block: u32,
  stride: u32,
  pitch: u32,          // elements between rows of a plain target
  head_half: u32,      // 0, or half the rows of a head: the window has those of either half in turns
  factor_cols: u32,    // columns that share a factor, where a source has factors
  offset: f32,         // target of vectors: an element w becomes (w + offset) * scale
  scale: f32,
  row_step: u32,       // elements of the source from a row to the next,
  column_step: u32,    // and from a column to the next
  first_column: u32,   // of the window, a multiple of SPAN
  window_columns: u32,
}

@group(0) @binding(4) var<storage, read> params: Params;

struct Span {
  row: u32,      // destination row
  number: u32,   // spans before it in the row
  first: u32,    // element of the source
  count: u32,    // columns that exist; the rest of the span is padding
}

// Element of the source that holds column k of a span.
fn element_at(span: Span, k: u32) -> u32 {
  return span.first + k * params.column_step;
}

// See unit_at.
fn unit_place(row: u32, group: u32, units_per_group: u32) -> vec2<u32> {
  return unit_at(row, group, (params.num_cols + 31u) / 32u, units_per_group);
}
