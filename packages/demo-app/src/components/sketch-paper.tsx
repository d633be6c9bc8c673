// The paper of the sketch pad: pointer and keys become strokes. How they look is pictures/paint.ts.
import type { RefObject, TargetedKeyboardEvent, TargetedPointerEvent, VNode } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { paintSketch } from '../pictures/paint.js';
import { onPaper, type Point, SKETCH_SIDE } from '../state/sketch.js';

/** How far an arrow key moves the pen, and with Shift. */
const STEP = 8;
const LONG_STEP = 48;

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

interface Props {
  readonly canvas: RefObject<HTMLCanvasElement | null>;
}

export function SketchPaper({ canvas }: Props): VNode {
  const app = useApp();
  const { sketch, pen } = app;
  const { sketch: words } = useText();
  /** Where the keys have moved the pen; nowhere while one draws with a pointer. */
  const [cursor, setCursor] = useState<Point>();
  const drawing = sketch.value;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context) paintSketch(context, drawing);
  }, [canvas, drawing]);

  const down = (event: TargetedPointerEvent<HTMLCanvasElement>): void => {
    if (!event.isPrimary || event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setCursor(undefined);
    app.drawOn({ type: 'begin', pen: pen.peek(), at: pointsOf(event, event.currentTarget).at(-1) ?? CENTRE });
  };
  const move = (event: TargetedPointerEvent<HTMLCanvasElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    app.drawOn({ type: 'extend', to: pointsOf(event, event.currentTarget) });
  };
  const up = (event: TargetedPointerEvent<HTMLCanvasElement>): void => {
    if (event.isPrimary) app.drawOn({ type: 'end' });
  };
  const key = (event: TargetedKeyboardEvent<HTMLCanvasElement>): void => {
    const arrow = ARROWS[event.key];
    const isDown = sketch.peek().current !== undefined;
    const from = cursor ?? CENTRE;
    if (arrow) {
      const step = event.shiftKey ? LONG_STEP : STEP;
      const to = onPaper({ x: from.x + arrow.x * step, y: from.y + arrow.y * step });
      setCursor(to);
      if (isDown) app.drawOn({ type: 'extend', to: [to] });
    } else if (event.key === 'Enter' || event.key === ' ') {
      setCursor(from);
      app.drawOn(isDown ? { type: 'end' } : { type: 'begin', pen: pen.peek(), at: from });
    } else return;
    event.preventDefault();
  };
  return (
    <div class="paper">
      <canvas
        ref={canvas}
        width={SKETCH_SIDE}
        height={SKETCH_SIDE}
        tabIndex={0}
        aria-label={words.canvas}
        aria-describedby="sketch-keys"
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onKeyDown={key}
      />
      {cursor && (
        <span
          class={drawing.current ? 'paper-cursor down' : 'paper-cursor'}
          style={{ left: `${(cursor.x / SKETCH_SIDE) * 100}%`, top: `${(cursor.y / SKETCH_SIDE) * 100}%` }}
        />
      )}
      <p id="sketch-keys" class="hidden-label">
        {words.keys}
      </p>
    </div>
  );
}

const CENTRE: Point = { x: SKETCH_SIDE / 2, y: SKETCH_SIDE / 2 };

/** Where the pointer was, on the paper; a quick hand moves more often than the page is drawn. */
function pointsOf(event: PointerEvent, canvas: HTMLCanvasElement): readonly Point[] {
  const { left, top, width } = canvas.getBoundingClientRect();
  const scale = SKETCH_SIDE / width;
  const all = event.getCoalescedEvents?.() ?? [];
  return (all.length > 0 ? all : [event]).map(({ clientX, clientY }) => ({
    x: (clientX - left) * scale,
    y: (clientY - top) * scale,
  }));
}
