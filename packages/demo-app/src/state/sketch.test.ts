// Drawing step by step, and where shapes lie.
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PEN,
  EMPTY_SKETCH,
  isBlank,
  onPaper,
  type Pen,
  reduceSketch,
  SKETCH_SIDE,
  type Sketch,
  type SketchAction,
  shapeBox,
  visibleStrokes,
} from './sketch.js';

const SQUARE: Pen = { ...DEFAULT_PEN, tool: 'square', colour: 'blue' };

function after(...actions: readonly SketchAction[]): Sketch {
  return actions.reduce(reduceSketch, EMPTY_SKETCH);
}

const line = (pen: Pen, ...to: readonly { x: number; y: number }[]): SketchAction[] => [
  { type: 'begin', pen, at: { x: 10, y: 10 } },
  ...(to.length > 0 ? [{ type: 'extend', to } as const] : []),
  { type: 'end' },
];

describe('a drawing', () => {
  it('shows a stroke while it is drawn, and keeps it afterwards', () => {
    const drawing = after({ type: 'begin', pen: DEFAULT_PEN, at: { x: 1, y: 2 } });
    expect(visibleStrokes(drawing)).toMatchObject([{ tool: 'brush', points: [{ x: 1, y: 2 }] }]);
    const drawn = reduceSketch(reduceSketch(drawing, { type: 'extend', to: [{ x: 3, y: 4 }] }), { type: 'end' });
    expect(drawn.current).toBeUndefined();
    expect(visibleStrokes(drawn)[0]?.points).toHaveLength(2);
  });

  it('is taken back step by step, a new sheet too', () => {
    const cleared = after(...line(DEFAULT_PEN), ...line(SQUARE, { x: 60, y: 60 }), { type: 'clear' });
    expect(isBlank(cleared)).toBe(true);
    const back = reduceSketch(cleared, { type: 'undo' });
    expect(visibleStrokes(back).map(({ tool }) => tool)).toEqual(['brush', 'square']);
    expect(isBlank(reduceSketch(reduceSketch(back, { type: 'undo' }), { type: 'undo' }))).toBe(true);
  });

  it('ends a stroke when the next one begins', () => {
    const twice = after({ type: 'begin', pen: DEFAULT_PEN, at: { x: 1, y: 1 } }, ...line(DEFAULT_PEN));
    expect(visibleStrokes(twice)).toHaveLength(2);
  });

  it('ignores what comes at the wrong time', () => {
    expect(
      after({ type: 'extend', to: [{ x: 1, y: 1 }] }, { type: 'end' }, { type: 'undo' }, { type: 'clear' }),
    ).toEqual(EMPTY_SKETCH);
  });

  it('makes a tap with a shape a shape, and a tap with the brush a dot', () => {
    const [shape] = visibleStrokes(after(...line(SQUARE, { x: 12, y: 11 })));
    const [from, to] = shape?.points ?? [];
    expect(from && to && shapeBox(from, to)).toEqual({ x: -54, y: -54, side: 128 });
    const [dot] = visibleStrokes(after(...line(DEFAULT_PEN)));
    expect(dot?.points).toEqual([{ x: 10, y: 10 }]);
  });
});

describe('a shape', () => {
  it.each([
    [
      { x: 50, y: 30 },
      { x: 10, y: 10, side: 40 },
    ],
    [
      { x: -20, y: 30 },
      { x: -20, y: 10, side: 30 },
    ],
    [
      { x: 5, y: -40 },
      { x: -40, y: -40, side: 50 },
    ],
  ])('dragged to %j is square', (to, box) => {
    expect(shapeBox({ x: 10, y: 10 }, to)).toEqual(box);
  });
});

describe('the paper', () => {
  it('has edges', () => {
    expect(onPaper({ x: -3, y: SKETCH_SIDE + 9 })).toEqual({ x: 0, y: SKETCH_SIDE });
  });
});
