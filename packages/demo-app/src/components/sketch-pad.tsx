// The sketch pad: paper, tools, and what to do with the drawing. It lies over the page.
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { toPng } from '../pictures/paint.js';
import type { GivenPicture } from '../state/pictures.js';
import { isBlank } from '../state/sketch.js';
import { Icon } from './icon.js';
import { SketchPaper } from './sketch-paper.js';
import { SketchTools } from './sketch-tools.js';

export function SketchPad(): VNode {
  const app = useApp();
  const { isSketchOpen } = app;
  const { sketch: words, actions } = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isSketchOpen.value;
  useEffect(() => {
    if (!dialog.current || dialog.current.open === isOpen) return;
    if (!isOpen) return dialog.current.close();
    dialog.current.showModal();
    dialog.current.querySelector('canvas')?.focus();
  }, [isOpen]);
  const close = (): void => {
    isSketchOpen.value = false;
  };
  return (
    <dialog
      class="sketch"
      ref={dialog}
      aria-labelledby="sketch-title"
      onClose={close}
      onKeyDown={(event) => {
        const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey);
        if (!isUndo && event.key !== 'Escape') return;
        // Otherwise Escape would also stop the answer behind the pad.
        event.preventDefault();
        if (isUndo) app.drawOn({ type: 'undo' });
        else close();
      }}
    >
      <div class="sketch-head">
        <h2 id="sketch-title">{words.title}</h2>
        <button type="button" class="quiet" onClick={close} aria-label={actions.close}>
          <Icon name="close" />
        </button>
      </div>
      {isOpen && <SketchBody onDone={close} />}
    </dialog>
  );
}

function SketchBody({ onDone }: { readonly onDone: () => void }): VNode {
  const app = useApp();
  const { sketch: words, pictures } = useText();
  const canvas = useRef<HTMLCanvasElement>(null);
  const isEmpty = isBlank(app.sketch.value);
  const finish = async (use: (drawing: GivenPicture) => Promise<void>): Promise<void> => {
    if (!canvas.current || isEmpty) return;
    const blob = await toPng(canvas.current);
    onDone();
    await use({ name: pictures.drawing, blob });
  };
  return (
    <div class="sketch-body">
      <SketchPaper canvas={canvas} />
      {/* Never disabled: a button that is takes the focus, and so the keys, out of the pad. */}
      <SketchTools>
        <button
          type="button"
          class="quiet"
          title={words.undo}
          aria-label={words.undo}
          onClick={() => app.drawOn({ type: 'undo' })}
        >
          <Icon name="undo" />
        </button>
        <button
          type="button"
          class="quiet"
          title={words.clear}
          aria-label={words.clear}
          onClick={() => app.drawOn({ type: 'clear' })}
        >
          <Icon name="sheet" />
        </button>
      </SketchTools>
      <div class="sketch-actions">
        <button
          type="button"
          class="plain"
          disabled={isEmpty}
          onClick={() => void finish((drawing) => app.attach([drawing]))}
        >
          <Icon name="picture" />
          {words.attach}
        </button>
        <button
          type="button"
          class="primary"
          disabled={isEmpty || app.conversation.isAnswering.value}
          onClick={() => void finish((drawing) => app.describe(drawing))}
        >
          <Icon name="eye" />
          {pictures.describe}
        </button>
      </div>
    </div>
  );
}
