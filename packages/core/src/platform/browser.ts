// The browser, in a page or in a worker.
import { browserImageDecoder } from './browser-image.js';
import type { Platform } from './platform.js';

export const browserPlatform: Platform = {
  name: 'browser',
  pokesQueue: /firefox/i.test(globalThis.navigator?.userAgent ?? ''),
  gpu: () => globalThis.navigator?.gpu,
  images: browserImageDecoder,
  now: () => performance.now(),
};
