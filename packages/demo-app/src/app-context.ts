// How components get at the page's state.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Dictionary } from './i18n/dictionary.js';
import type { App } from './state/app.js';

export const AppContext: ReturnType<typeof createContext<App | undefined>> = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('a component was drawn outside the app');
  return app;
}

/** The page's words in the chosen language; the component is drawn again when that changes. */
export function useText(): Dictionary {
  return useApp().text.value;
}
