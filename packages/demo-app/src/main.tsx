// Starts the page: gathers what the environment offers, makes the state, draws.
import { render } from 'preact';
import { AppContext } from './app-context.js';
import { Page } from './components/page.js';
import { App } from './state/app.js';
import { connectWorker } from './state/chat-engine.js';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/writing.css';
import './styles/settings.css';

/** The browser may forbid storage; asking for it then throws. */
function pageStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

async function fetchJson(url: URL): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return response.json();
}

const app = new App({
  base: document.baseURI,
  hasWebGpu: 'gpu' in navigator && navigator.gpu !== undefined,
  languages: navigator.languages,
  storage: pageStorage(),
  connect: connectWorker,
  fetchJson,
  now: () => performance.now(),
});

const root = document.querySelector('#app');
if (root) {
  render(
    <AppContext.Provider value={app}>
      <Page />
    </AppContext.Provider>,
    root,
  );
}
void app.start();
