// The sample pictures of the demo page, as outlines: a few things of a small world, drawn as if by hand. Painting them
// is raster.mjs, writing the files draw.mjs.

/** Width and height of every sample, in pixels. */
export const side = 240;

const red = [219, 40, 40];
const blue = [44, 102, 219];
const yellow = [250, 217, 38];
const green = [46, 158, 66];
const orange = [245, 130, 26];
const pink = [250, 128, 188];
const brown = [120, 74, 36];
const ink = [24, 24, 26];
const white = [255, 255, 255];
const night = [20, 24, 44];

/** Ground and polygons by name; a thing stands at its middle, in shares of the side, and is `size` wide or high. */
export const samples = {
  shapes: picture(white, [
    thing(circle(), red, { x: 0.27, y: 0.5, size: 0.4 }),
    thing(box(-1, -1, 1, 1), blue, { x: 0.74, y: 0.51, size: 0.4 }),
  ]),
  stars: picture(night, [
    thing(star(), yellow, { x: 0.22, y: 0.62, size: 0.25 }),
    thing(star(), yellow, { x: 0.52, y: 0.26, size: 0.25, turn: 9 }),
    thing(star(), yellow, { x: 0.79, y: 0.68, size: 0.25, turn: -7 }),
  ]),
  seven: picture(white, [
    ...brush(
      [
        [-0.55, -1],
        [0.55, -1],
        [-0.1, 1],
      ],
      0.13,
    ).map((stroke) => thing(stroke, ink, { x: 0.5, y: 0.5, size: 0.58, fit: 2.13 })),
  ]),
  house: picture(white, [
    ...[
      box(-0.75, -0.2, 0.75, 1),
      [
        [-0.9, -0.1],
        [0, -1],
        [0.9, -0.1],
      ],
    ].map((part) => thing(part, red, { x: 0.25, y: 0.71, size: 0.4, fit: 2 })),
    thing(box(-0.2, 0.4, 0.14, 1), white, { x: 0.25, y: 0.71, size: 0.4, fit: 2 }),
    thing(box(-0.14, 0.2, 0.14, 1), brown, { x: 0.67, y: 0.7, size: 0.42, fit: 2 }),
    thing(bumps(7), green, { x: 0.67, y: 0.64, size: 0.3 }),
    thing(circle(), yellow, { x: 0.86, y: 0.16, size: 0.12 }),
    ...rays(9).map((ray) => thing(ray, yellow, { x: 0.86, y: 0.16, size: 0.23, fit: 2 })),
  ]),
  heart: picture(white, [
    thing(heart(), pink, { x: 0.5, y: 0.25, size: 0.4 }),
    ...brush(
      [
        [0.05, -0.95],
        [1, 0.85],
        [-1, 0.85],
        [0.05, -0.95],
      ],
      0.13,
    ).map((stroke) => thing(stroke, green, { x: 0.5, y: 0.76, size: 0.4, fit: 2.13 })),
  ]),
  fish: picture(white, [
    thing(ellipse(-0.25, 0, 0.75, 0.5), orange, { x: 0.5, y: 0.5, size: 0.62, fit: 2 }),
    thing(
      [
        [0.3, 0],
        [1, -0.5],
        [1, 0.5],
      ],
      orange,
      { x: 0.5, y: 0.5, size: 0.62, fit: 2 },
    ),
    thing(ellipse(-0.6, -0.12, 0.08, 0.08), ink, { x: 0.5, y: 0.5, size: 0.62, fit: 2 }),
  ]),
};

function picture(ground, polygons) {
  return { ground, polygons };
}

/**
 * Puts an outline in its place. `fit` is the extent that becomes `size`, where several outlines make one thing; without
 * it the outline's own.
 */
function thing(outline, rgb, { x, y, size, turn = 0, fit }) {
  const [c, s] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
  const scale = (size * side) / (fit ?? extentOf(outline));
  const points = finely(outline).map((point) => {
    const [px, py] = bend(point);
    return [x * side + scale * (c * px - s * py), y * side + scale * (s * px + c * py)];
  });
  return { points, rgb };
}

/** A hand is never quite steady. */
function bend([x, y]) {
  return [x + 0.016 * (Math.sin(3 * y) + Math.sin(7 * y + 1)), y + 0.016 * (Math.sin(3 * x + 2) + Math.sin(7 * x))];
}

/** More points along straight edges, so that they bend too. */
function finely(outline) {
  return outline.flatMap(([ax, ay], i) => {
    const [bx, by] = outline[(i + 1) % outline.length];
    const count = Math.max(1, Math.round(Math.hypot(bx - ax, by - ay) / 0.12));
    return Array.from({ length: count }, (_, k) => [ax + ((bx - ax) * k) / count, ay + ((by - ay) * k) / count]);
  });
}

function extentOf(outline) {
  const range = (axis) => {
    const values = outline.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  return Math.max(range(0), range(1));
}

function around(count, point) {
  return Array.from({ length: count }, (_, i) => point((2 * Math.PI * i) / count, i));
}

function ellipse(cx, cy, rx, ry) {
  return around(48, (angle) => [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)]);
}

function circle() {
  return ellipse(0, 0, 1, 1);
}

function box(left, top, right, bottom) {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

function star() {
  return around(10, (angle, i) => {
    const radius = i % 2 === 0 ? 1 : 0.44;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}

function heart() {
  return around(48, (t) => {
    const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [Math.sin(t) ** 3, -y / 15];
  });
}

/** A crown of `count` half circles. */
function bumps(count) {
  return around(count * 8, (angle) => {
    const radius = 0.8 + 0.2 * Math.abs(Math.sin((angle * count) / 2));
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

function rays(count) {
  return around(count, (angle) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return brush(
      [
        [0.72 * c, 0.72 * s],
        [c, s],
      ],
      0.12,
    );
  }).flat();
}

/** A line drawn with a round brush: a bar for every stretch, a disc for every corner. */
function brush(line, width) {
  const half = width / 2;
  const discs = line.map(([x, y]) => ellipse(x, y, half, half));
  const bars = line.slice(1).map(([bx, by], i) => {
    const [ax, ay] = line[i];
    const length = Math.hypot(bx - ax, by - ay);
    const [nx, ny] = [(-(by - ay) / length) * half, ((bx - ax) / length) * half];
    return [
      [ax + nx, ay + ny],
      [bx + nx, by + ny],
      [bx - nx, by - ny],
      [ax - nx, ay - ny],
    ];
  });
  return [...bars, ...discs];
}
