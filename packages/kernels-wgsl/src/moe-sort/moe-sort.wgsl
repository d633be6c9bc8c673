// Brings routes of the same expert together: a counting sort in one workgroup. The routes of an expert fill whole tiles;
// what is left of its last tile, and tiles that nobody needs, are filled up.
import package::lib::route::{Route, NOBODY};

override NUM_EXPERTS: u32;
override CHOSEN: u32;      // experts of a row
override TILE: u32;        // routes of a tile

const LANES: u32 = 256u; // knob: invocations of the workgroup
const MAX_EXPERTS: u32 = 256u;

@group(0) @binding(0) var<storage, read> routes: array<Route>;           // [numRows, CHOSEN]
@group(0) @binding(1) var<storage, read> routed_rows: array<u32>;        // [1]
@group(0) @binding(2) var<storage, read_write> sorted: array<Route>;     // [numTiles, TILE]
@group(0) @binding(3) var<storage, read_write> places: array<u32>;       // [numRows, CHOSEN]: where a route went

var<workgroup> counts: array<atomic<u32>, MAX_EXPERTS>;
var<workgroup> next: array<atomic<u32>, MAX_EXPERTS>;

// Places of the tiles of the experts before `end`.
fn places_before(end: u32) -> u32 {
  var sum = 0u;
  for (var e = 0u; e < end; e++) {
    sum += (atomicLoad(&counts[e]) + TILE - 1u) / TILE * TILE;
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let num_routes = routed_rows[0] * CHOSEN;
  for (var e = lane; e < NUM_EXPERTS; e += LANES) {
    atomicStore(&counts[e], 0u);
  }
  workgroupBarrier();
  for (var r = lane; r < num_routes; r += LANES) {
    atomicAdd(&counts[routes[r].expert], 1u);
  }
  workgroupBarrier();

  for (var e = lane; e < NUM_EXPERTS; e += LANES) {
    let first = places_before(e);
    atomicStore(&next[e], first);
    // Any row will do: nobody reads what becomes of it.
    for (var p = first + atomicLoad(&counts[e]); p % TILE != 0u; p++) {
      sorted[p] = Route(routes[0].row, e);
    }
  }
  let most_used = min(NUM_EXPERTS, num_routes);
  let num_tiles = most_used + (num_routes - most_used) / TILE;
  for (var tile = places_before(NUM_EXPERTS) / TILE + lane; tile < num_tiles; tile += LANES) {
    sorted[tile * TILE] = Route(0u, NOBODY);
  }
  workgroupBarrier();

  // Which of its expert's places a route gets changes nothing: a product is the same in any of them.
  for (var r = lane; r < num_routes; r += LANES) {
    let place = atomicAdd(&next[routes[r].expert], 1u);
    sorted[place] = routes[r];
    places[r] = place;
  }
}
