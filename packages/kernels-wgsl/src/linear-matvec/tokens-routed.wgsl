// Fills `tokens` where W is a stack of experts' matrices and routes say which of them a token takes. All tokens of a
// workgroup take the same. Names not declared here are the kernel's.
import package::lib::route::{Route};

override FIRST_EXPERT: u32;    // whose matrix is the first of the stack
override NUM_EXPERTS: u32;     // of the stack
override READS_TOKENS: u32;    // 1: x has a row for each token of the step; 0: one for each route

@group(0) @binding(6) var<storage, read> routes: array<Route>;    // [numTokens]

fn row_start(token: u32) -> u32 {
  return select(token, routes[token].row, READS_TOKENS == 1u) * (X_STRIDE / 4u);
}

fn first_block(token: u32) -> u32 {
  return (routes[token].expert - FIRST_EXPERT) * NUM_BLOCKS;
}

// Experts before the first wrap round to numbers beyond the last.
fn is_idle(token: u32) -> bool {
  return routes[token].expert - FIRST_EXPERT >= NUM_EXPERTS;
}
