// Which row of activations goes to which expert: routes: array<Route>. A row has one for each expert that it was given.
struct Route {
  row: u32,
  expert: u32,   // NOBODY: nothing is to be computed
}

const NOBODY: u32 = 0xffffffffu;
