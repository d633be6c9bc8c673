// Fills outlines with smooth edges: polygons → RGB pixels. Which outlines make a picture is samples.mjs.

/** Lines of samples per line of pixels; across, edges are exact. */
const fineness = 4;

/**
 * Paints polygons on a ground, each over those before it.
 * @param {number} side of the square picture, in pixels
 * @param {readonly number[]} ground RGB
 * @param {readonly { points: readonly (readonly [number, number])[], rgb: readonly number[] }[]} polygons in pixels
 * @returns {{ width: number, height: number, data: Uint8Array }}
 */
export function paint(side, ground, polygons) {
  const data = new Uint8Array(side * side * 3);
  for (let i = 0; i < data.length; i++) data[i] = ground[i % 3];
  for (const { points, rgb } of polygons) {
    const heights = points.map(([, y]) => y);
    const bottom = Math.min(side, Math.ceil(Math.max(...heights)));
    for (let y = Math.max(0, Math.floor(Math.min(...heights))); y < bottom; y++) {
      const cover = coverOfLine(points, y, side);
      for (let x = 0; x < side; x++) blend(data, (y * side + x) * 3, rgb, cover[x]);
    }
  }
  return { width: side, height: side, data };
}

/** Share of every pixel of a line that lies inside the outline. */
function coverOfLine(points, y, side) {
  const cover = new Float64Array(side);
  for (let i = 0; i < fineness; i++) {
    const crossings = crossingsAt(points, y + (i + 0.5) / fineness);
    // Inside is from every first to every second crossing.
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const [from, to] = [Math.max(0, crossings[k]), Math.min(side, crossings[k + 1])];
      for (let x = Math.floor(from); x < to; x++) {
        cover[x] += (Math.min(to, x + 1) - Math.max(from, x)) / fineness;
      }
    }
  }
  return cover;
}

/** Where the outline crosses a height, from left to right. */
function crossingsAt(points, y) {
  const crossings = [];
  let [ax, ay] = points[points.length - 1];
  for (const [bx, by] of points) {
    if (ay > y !== by > y) crossings.push(((bx - ax) * (y - ay)) / (by - ay) + ax);
    [ax, ay] = [bx, by];
  }
  return crossings.sort((a, b) => a - b);
}

function blend(data, at, rgb, share) {
  for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c] * (1 - share) + rgb[c] * share);
}
