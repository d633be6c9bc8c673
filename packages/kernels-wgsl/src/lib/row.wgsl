// One token of the step, as the runner packs it into `rows`: array<Row>, and what a slot knows of its sequence between
// steps: array<SlotState>. The constants' twins are in row.ts.
struct Row {
  slot: u32,       // of the sequence: row of the page table and of the per-sequence state
  position: u32,   // in the sequence, from 0
  token: u32,      // an id, FROM_STATE or IMAGE_ROW
  rope_row: u32,   // row of the rope table
}

struct SlotState {
  token: u32,      // drawn last
  flags: u32,
  step: u32,       // tokens drawn
  verifies: u32,   // not 0: rows of the step hold proposed tokens, so that it is not known here which draws count
}

const FROM_STATE: u32 = 0xffffffffu;   // the token that was drawn last for the slot
const IMAGE_ROW: u32 = 0xfffffffeu;    // no token: the row of the residual stream is written already
