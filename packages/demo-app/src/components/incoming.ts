// What comes to the page from outside: files held over it, dropped on it, pasted into it. What becomes of them is
// decided by the app.
import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp } from '../app-context.js';
import { isPicture } from '../state/dropped.js';
import { readDrop } from '../text/dropped.js';

/** What seems to be held over the page: a drag tells types, not names. */
export type Held = 'pictures' | 'files' | undefined;

/** Takes what is dropped anywhere on the page. */
export function useDrop(): Held {
  const app = useApp();
  const [held, setHeld] = useState<Held>();
  // Entering a child comes before leaving its parent, so entries are counted.
  const numEntered = useRef(0);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const count = (change: number) => (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      numEntered.current += change;
      setHeld(numEntered.current > 0 ? heldIn(event.dataTransfer) : undefined);
    };
    const over = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = async (event: DragEvent): Promise<void> => {
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      numEntered.current = 0;
      setHeld(undefined);
      await app.drop(await readDrop(event.dataTransfer));
    };
    return listen({ dragenter: count(1), dragleave: count(-1), dragover: over, drop });
  }, [app]);
  return held;
}

/** Takes pictures that are pasted anywhere on the page; text goes where the cursor is. */
export function usePaste(): void {
  const app = useApp();
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const files = [...(event.clipboardData?.files ?? [])].filter(isPicture);
      if (files.length === 0 || !app.session.takesPictures.peek()) return;
      event.preventDefault();
      void app.attach(files.map((file) => ({ name: file.name, blob: file })));
    };
    return listen({ paste });
  }, [app]);
}

function heldIn(transfer: DataTransfer | null): Held {
  return [...(transfer?.items ?? [])].some(({ type }) => type.startsWith('image/')) ? 'pictures' : 'files';
}

/** @returns what takes the listeners away again */
function listen(listeners: Readonly<Record<string, (event: never) => unknown>>): () => void {
  const entries = Object.entries(listeners) as [string, EventListener][];
  for (const [type, listener] of entries) addEventListener(type, listener);
  return () => {
    for (const [type, listener] of entries) removeEventListener(type, listener);
  };
}
