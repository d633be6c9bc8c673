// Starts the page: gathers what the environment offers, makes the state, draws.
import { dataStore, deleteCached, listCached } from '@pagemind/core/client';
import { render } from 'preact';
import { AppContext } from './app-context.js';
import { Page } from './components/page.js';
import { makeThumbnail } from './pictures/thumbnail.js';
import { App } from './state/app.js';
import { connectWorker } from './state/chat-engine.js';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/writing.css';
import './styles/settings.css';
import './styles/pictures.css';
import './styles/sketch.css';
import './styles/models.css';

/** The browser may forbid storage; asking for it then throws. */
function pageStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

async function fetchFile(address: string | URL): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response;
}

const app = new App({
  base: document.baseURI,
  hasWebGpu: 'gpu' in navigator && navigator.gpu !== undefined,
  languages: navigator.languages,
  storage: pageStorage(),
  shelf: dataStore('pagemind-demo'),
  models: { list: listCached, delete: deleteCached },
  connect: connectWorker,
  fetchJson: async (url) => (await fetchFile(url)).json(),
  fetchBlob: async (address) => (await fetchFile(address)).blob(),
  makeThumbnail,
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

/** After the model: the copies that are kept for later should not hold up the first visit. */
async function keepForLater(): Promise<void> {
  await app.start();
  // A browser may forbid it; the page then needs its network to open.
  await navigator.serviceWorker?.register(new URL('service-worker.js', document.baseURI)).catch(() => {});
}

if (import.meta.env.PROD) void keepForLater();
else void app.start();
