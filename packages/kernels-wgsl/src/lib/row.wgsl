// One token of the step, as the runner packs it into `rows`: array<Row>.
struct Row {
  slot: u32,       // of the sequence: row of the page table and of the per-sequence state
  position: u32,   // in the sequence, from 0
  token: u32,
  rope_row: u32,   // row of the rope table
}
