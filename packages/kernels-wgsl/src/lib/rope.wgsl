// Rotary embedding of one head, rotate-half convention: elements i and i + ROT / 2 turn together, those from ROT on
// pass. The kernel declares ROT (even, 0 for none), the table `rope`: array<vec2<f32>> [numRopeRows, ROT / 2] of
// (cos, sin), and `qkv`: array<f32>.

// Element `d` after the turn, from its value and the value of the element that turns with it.
fn rope_turn(rope_row: u32, d: u32, value: f32, partner: f32) -> f32 {
  if (d >= ROT) {
    return value;
  }
  let turn = rope[rope_row * (ROT / 2u) + d % max(ROT / 2u, 1u)];
  return value * turn.x + partner * select(turn.y, -turn.y, d < ROT / 2u);
}

// Elements 4c to 4c + 3 of the head at qkv[at], after the turn.
fn rope_four(rope_row: u32, at: u32, c: u32) -> vec4<f32> {
  var result = vec4<f32>();
  for (var i = 0u; i < 4u; i++) {
    let d = c * 4u + i;
    let partner = select(d, select(d - ROT / 2u, d + ROT / 2u, d < ROT / 2u), d < ROT);
    result[i] = rope_turn(rope_row, d, qkv[at + d], qkv[at + partner]);
  }
  return result;
}
