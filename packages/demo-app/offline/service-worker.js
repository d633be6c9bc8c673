// Keeps a copy of the built page, its own model included, so that it opens without a network. Where there is one, it
// comes first: nobody sees an old page. Which files there are is written before this by plugin.ts.
const { version, files } = self.BUILT;

/** Other pages of this origin, and other builds of this one, have caches of other names. */
const prefix = `pagemind ${self.registration.scope} `;
const cacheName = prefix + version;

const addressOf = (file) => new URL(file, self.registration.scope).href;
const addresses = new Set(files.map(addressOf));
/** The engine asks models for files that not all have: what is not in the list, their folders do not have. */
const modelFolders = [...new Set(files.flatMap((file) => /^models\/[^/]+\//.exec(file) ?? []))].map(addressOf);

self.addEventListener('install', (event) => {
  event.waitUntil(copyAll().then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(removeOldCopies().then(() => self.clients.claim()));
});

self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  const [address] = url.split(/[?#]/);
  const isOwn = addresses.has(address) || modelFolders.some((folder) => address.startsWith(folder));
  if (method === 'GET' && isOwn) event.respondWith(answer(event.request, address));
});

async function copyAll() {
  const cache = await caches.open(cacheName);
  await cache.addAll(files);
}

async function removeOldCopies() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request, address) {
  try {
    return await fetch(request);
  } catch (error) {
    if (!addresses.has(address)) return new Response(null, { status: 404 });
    const cache = await caches.open(cacheName);
    const copy = await cache.match(address);
    if (copy) return copy;
    throw error;
  }
}
