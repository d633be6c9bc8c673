// Where the pages under test are served and built: two origins, as a page of ours and a page of somebody else would be.
import { join } from 'node:path';
import { cacheFolder } from '../../tools/setup/adapters.mjs';

export const PORTS = { demo: 5391, harness: 5392 };

export const DEMO_URL = `http://localhost:${PORTS.demo}/`;
export const HARNESS_URL = `http://localhost:${PORTS.harness}/`;

/** Folder of the built harness. */
export const HARNESS_FOLDER = join(cacheFolder, 'e2e-harness');
