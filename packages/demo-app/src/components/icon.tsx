// The page's icons: strokes on a 24 × 24 grid, drawn in the colour of the text around them.
import type { VNode } from 'preact';

const PATHS = {
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7.5 7.5h9v9h-9z',
  retry: 'M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  settings: 'M4 8h9M19 8h1M4 16h1M11 16h9M16 5.5v5M8 13.5v5',
  folder:
    'M3.5 7a1.5 1.5 0 0 1 1.5-1.5h4.5l2 2.5H19a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 19 19H5a1.5 1.5 0 0 1-1.5-1.5z',
  chevron: 'M7 10l5 5 5-5',
  clear: 'M5 7h14M10 4h4M7 7l1 12.5h8L17 7M10.5 11v5M13.5 11v5',
  pen: 'M5 19l.8-4L16 4.8a1.6 1.6 0 0 1 2.3 0l.9.9a1.6 1.6 0 0 1 0 2.3L9 18.2z',
  picture: 'M4 5.5h16v13H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9v.1',
  brush:
    'M19.5 4.5c-4 1.5-7.5 5-9.5 9l1.5 1.5c4-2 7.5-5.5 9-9.5zM8.5 14.5c-2.5 0-3 1.5-3 3 0 1-.5 1.5-1.5 2 3 1 6.5 0 6-3.5',
  shapes: 'M4 13h7v7H4zM16.5 13.2a3.4 3.4 0 1 1-.1 0zM12 3.5l4 6.5H8z',
  circle: 'M12 4.5a7.5 7.5 0 1 1-.1 0z',
  square: 'M5 5h14v14H5z',
  triangle: 'M12 4.5l8 14.5H4z',
  undo: 'M8.5 5L4.5 9l4 4M4.5 9H14a5 5 0 0 1 0 10h-4',
  sheet: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4',
  eye: 'M2.5 12s3.5-6 9.5-6 9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6zM12 9.5a2.5 2.5 0 1 1-.1 0z',
  warning: 'M12 4.5L21 19.5H3zM12 10v4M12 16.8v.2',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }): VNode {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The page with a folded corner. */
export function Logo(): VNode {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <path class="logo-sheet" d="M8 3h11l7 7v16a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3z" />
      <path class="logo-fold" d="M19 3v5a2 2 0 0 0 2 2h5z" />
      <path class="logo-lines" d="M10 16h12M10 20.5h12M10 25h7" />
    </svg>
  );
}
