// Keeps the end of a growing text in view, unless the person has scrolled away from it.
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Closer to the end than this counts as being there. Pixels. */
const NEAR = 80;

/** @param growing changes whenever the text may have grown */
export function useStickToEnd(end: RefObject<HTMLElement | null>, growing: unknown): void {
  const isSticking = useRef(true);
  useEffect(() => {
    const scroller = end.current?.closest('main');
    if (!scroller) return;
    const listen = (): void => {
      isSticking.current = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    };
    scroller.addEventListener('scroll', listen, { passive: true });
    // The text has less room when the composer grows.
    const resizing = new ResizeObserver(() => {
      if (isSticking.current) end.current?.scrollIntoView({ block: 'end' });
    });
    resizing.observe(scroller);
    return () => {
      scroller.removeEventListener('scroll', listen);
      resizing.disconnect();
    };
  }, [end]);
  useLayoutEffect(() => {
    if (isSticking.current) end.current?.scrollIntoView({ block: 'end' });
  }, [end, growing]);
}
