// The softmax of attention-decode: scores of the cached keys become weights, a team of lanes per head. Here the newest key
// comes in, which the cache is not read for, and with it the sink. Names not declared here are the kernel's.
import package::lib::score::{scores_of, sink_of};
import slot::kv::{kv_round};

const TEAM: u32 = 8u;   // lanes of a head

var<workgroup> sums: array<f32, TEAM * MAX_HEADS>;   // of weights, by lane

// Turns `scores` of blocks from first_block on into weights, and fills `heads` and `denominators`. Call it from uniform
// control flow, with a barrier behind it.
fn weigh(first_block: u32, num_blocks: u32, has_newest: bool, first_query: u32, lane: u32) {
  let team = lane / TEAM;
  var top = LOWEST;
  var newest_score = 0.0;
  if (team < HEADS) {
    for (var block = first_block + lane % TEAM; block < num_blocks; block += TEAM) {
      let score = scores[team * (SPLIT / 4u) + block];
      top = max(top, max(max(score.x, score.y), max(score.z, score.w)));
    }
    for (var c = lane % TEAM; c < D4; c += TEAM) {
      newest_score += dot(query[team * D4 + c], kv_round(fresh[c], grids[0]));
    }
  }
  scratch[lane] = vec4<f32>(top, newest_score, 0.0, 0.0);
  workgroupBarrier();
  if (team < HEADS) {
    newest_score = 0.0;
    for (var i = 0u; i < TEAM; i++) {
      top = max(top, scratch[team * TEAM + i].x);
      newest_score += scratch[team * TEAM + i].y;
    }
    newest_score = scores_of(vec4<f32>(newest_score), first_query + team, vec4<f32>()).x;
    let sink = sink_of(first_query + team);
    top = select(top, max(top, max(newest_score, sink.x)), has_newest);
    var sum = 0.0;
    if (lane % TEAM == 0u) {
      let weight = select(0.0, exp(max(newest_score - top, -80.0)), has_newest);
      heads[team] = vec2<f32>(top, weight);
      sum = weight + select(0.0, sink.y * exp(max(sink.x - top, -80.0)), has_newest);
    }
    for (var block = first_block + lane % TEAM; block < num_blocks; block += TEAM) {
      let score = scores[team * (SPLIT / 4u) + block];
      let weight = select(vec4<f32>(), exp(max(score - top, vec4<f32>(-80.0))), score > vec4<f32>(LOWEST));
      scores[team * (SPLIT / 4u) + block] = weight;
      sum += dot(weight, vec4<f32>(1.0));
    }
    sums[lane] = sum;
  }
  workgroupBarrier();
  if (lane < HEADS) {
    for (var i = 0u; i < TEAM; i++) {
      denominators[lane] += sums[lane * TEAM + i];
    }
  }
}
