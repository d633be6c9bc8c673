// Starts the page: gathers what the environment offers, makes the state, draws.
import { dataStore, deleteCached, listCached } from '@pagemind/core/client';
import { render } from 'preact';
import { AppContext } from './app-context.js';
import { Page } from './components/page.js';
import { makeThumbnail } from './pictures/thumbnail.js';
import { deleteFolder, openFolder, pathOf, ROOT } from './quantize/folders.js';
import { runInWorker } from './quantize/in-worker.js';
import { zipOf } from './quantize/zip.js';
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
import './styles/quantize.css';

/** The browser may forbid storage; asking for it then throws. */
function pageStorage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

async function download(id: string): Promise<void> {
  const address = URL.createObjectURL(await zipOf(await openFolder(pathOf(id)), id));
  const link = Object.assign(document.createElement('a'), { href: address, download: `${id}.zip` });
  link.click();
  // The browser reads it while it saves it, which may take long; the page's end frees it in any case.
  setTimeout(() => URL.revokeObjectURL(address), 600_000);
}

const ownModels = dataStore(ROOT);

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
  ownModels: {
    list: () => ownModels.list(),
    load: (id) => ownModels.load(id),
    save: (id, model) => ownModels.save(id, model),
    delete: (id) => ownModels.delete(id),
    open: (id) => openFolder(pathOf(id)),
    deleteFiles: deleteFolder,
  },
  runJob: runInWorker,
  download,
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
