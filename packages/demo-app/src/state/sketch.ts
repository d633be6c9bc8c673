// A drawing as the steps that made it, so that each can be undone, and the one function that changes it. Pure; pixels
// are pictures/paint.ts.

/** Width and height of the paper. Pictures for models are small and square. */
export const SKETCH_SIDE = 384;

export const TOOLS = ['brush', 'circle', 'square', 'triangle'] as const;
export type Tool = (typeof TOOLS)[number];

/** Clear colours, each the middle of what its name means. White rubs out. */
export const COLOURS = {
  black: '#18181a',
  grey: '#858585',
  brown: '#784a24',
  red: '#db2828',
  orange: '#f5821a',
  yellow: '#fad926',
  green: '#2e9e42',
  blue: '#2c66db',
  purple: '#7b33b3',
  pink: '#fa80bc',
  white: '#ffffff',
} as const;
export type ColourName = keyof typeof COLOURS;

/** Of lines, by name. */
export const WIDTHS = { thin: 6, medium: 14, thick: 28 } as const;
export type WidthName = keyof typeof WIDTHS;

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What one draws with. */
export interface Pen {
  readonly tool: Tool;
  readonly colour: ColourName;
  readonly width: WidthName;
  /** Shapes are filled, not outlined. */
  readonly isFilled: boolean;
}

/** A line of the brush through all points, or a shape from the first point to the last. */
export interface Stroke extends Pen {
  readonly points: readonly Point[];
}

export interface Sketch {
  readonly steps: readonly (Stroke | 'clear')[];
  /** What is being drawn now. */
  readonly current: Stroke | undefined;
}

export type SketchAction =
  | { readonly type: 'begin'; readonly pen: Pen; readonly at: Point }
  | { readonly type: 'extend'; readonly to: readonly Point[] }
  | { readonly type: 'end' }
  | { readonly type: 'undo' }
  | { readonly type: 'clear' };

/** A square upright box. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

export const EMPTY_SKETCH: Sketch = { steps: [], current: undefined };

export const DEFAULT_PEN: Pen = { tool: 'brush', colour: 'red', width: 'medium', isFilled: true };

/** Of a shape that was tapped, not dragged. */
const STAMP_SIDE = 128;
/** A shorter drag is a tap. */
const MIN_SIDE = 10;

export function reduceSketch(sketch: Sketch, action: SketchAction): Sketch {
  const { steps, current } = sketch;
  switch (action.type) {
    case 'begin':
      // A stroke whose end never came, because the pad was closed over it, ends here.
      return { ...reduceSketch(sketch, { type: 'end' }), current: { ...action.pen, points: [action.at] } };
    case 'extend':
      return current ? { steps, current: { ...current, points: [...current.points, ...action.to] } } : sketch;
    case 'end':
      return current ? { steps: [...steps, finished(current)], current: undefined } : sketch;
    case 'undo':
      return { steps: steps.slice(0, -1), current: undefined };
    case 'clear':
      return isBlank(sketch) ? sketch : { steps: [...steps, 'clear'], current: undefined };
  }
}

/** What is to be seen, in the order of drawing. */
export function visibleStrokes({ steps, current }: Sketch): readonly Stroke[] {
  const drawn = steps.slice(steps.lastIndexOf('clear') + 1) as readonly Stroke[];
  return current ? [...drawn, current] : drawn;
}

export function isBlank(sketch: Sketch): boolean {
  return visibleStrokes(sketch).length === 0;
}

/** Where a shape lies that was dragged from one point to another: as large as the longer way, to the same side. */
export function shapeBox(from: Point, to: Point): Box {
  const side = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y));
  return { x: to.x < from.x ? from.x - side : from.x, y: to.y < from.y ? from.y - side : from.y, side };
}

/** Keeps a point on the paper. */
export function onPaper({ x, y }: Point): Point {
  return { x: Math.min(SKETCH_SIDE, Math.max(0, x)), y: Math.min(SKETCH_SIDE, Math.max(0, y)) };
}

/** A shape that was only tapped becomes one of a good size around that point. */
function finished(stroke: Stroke): Stroke {
  const [from] = stroke.points;
  const to = stroke.points.at(-1);
  if (stroke.tool === 'brush' || !from || !to || shapeBox(from, to).side >= MIN_SIDE) return stroke;
  const half = STAMP_SIDE / 2;
  return {
    ...stroke,
    points: [
      { x: from.x - half, y: from.y - half },
      { x: from.x + half, y: from.y + half },
    ],
  };
}
