// A drawing → pixels of a canvas. What was drawn is state/sketch.ts.
import {
  COLOURS,
  type Point,
  SKETCH_SIDE,
  type Sketch,
  type Stroke,
  shapeBox,
  visibleStrokes,
  WIDTHS,
} from '../state/sketch.js';

/** Paints the whole drawing anew, on white paper. */
export function paintSketch(context: CanvasRenderingContext2D, sketch: Sketch): void {
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, SKETCH_SIDE, SKETCH_SIDE);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of visibleStrokes(sketch)) paintStroke(context, stroke);
}

/** The canvas as a PNG file, so that the picture stays when the drawing goes on. */
export function toPng(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((done, fail) => {
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('the canvas has no pixels'))), 'image/png');
  });
}

function paintStroke(context: CanvasRenderingContext2D, stroke: Stroke): void {
  context.strokeStyle = COLOURS[stroke.colour];
  context.fillStyle = COLOURS[stroke.colour];
  context.lineWidth = WIDTHS[stroke.width];
  context.beginPath();
  if (stroke.tool === 'brush') {
    traceLine(context, stroke.points);
    context.stroke();
    return;
  }
  traceShape(context, stroke);
  if (stroke.isFilled) context.fill();
  else context.stroke();
}

/** Curves from middle to middle of the stretches look like a hand's line, not like corners. */
function traceLine(context: CanvasRenderingContext2D, points: readonly Point[]): void {
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last) return;
  context.moveTo(first.x, first.y);
  for (const [index, point] of points.entries()) {
    const next = points[index + 1];
    if (next) context.quadraticCurveTo(point.x, point.y, (point.x + next.x) / 2, (point.y + next.y) / 2);
  }
  // Also makes a dot of a single point.
  context.lineTo(last.x, last.y);
}

function traceShape(context: CanvasRenderingContext2D, { tool, points }: Stroke): void {
  const [from] = points;
  const to = points.at(-1);
  if (!from || !to) return;
  const { x, y, side } = shapeBox(from, to);
  if (tool === 'circle') {
    context.arc(x + side / 2, y + side / 2, side / 2, 0, 2 * Math.PI);
  } else if (tool === 'square') {
    context.rect(x, y, side, side);
  } else {
    context.moveTo(x + side / 2, y);
    context.lineTo(x + side, y + side);
    context.lineTo(x, y + side);
    context.closePath();
  }
}
