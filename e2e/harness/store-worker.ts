// A worker that uses the store and says what came of it.
import { useStore } from './storing.js';

useStore().then(
  (storing) => postMessage(storing),
  (error) => postMessage({ text: String(error) }),
);
