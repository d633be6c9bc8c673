// Writes the demo page's sample pictures: `node tools/sample-pictures/draw.mjs`. Always the same ones.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, runAsScript } from '../setup/process.mjs';
import { encodePng } from './png.mjs';
import { paint } from './raster.mjs';
import { samples, side } from './samples.mjs';

/** Where the demo page has them. */
export const samplesFolder = join(repository, 'packages/demo-app/src/pictures/samples');

await runAsScript(import.meta.url, async () => {
  mkdirSync(samplesFolder, { recursive: true });
  for (const [name, { ground, polygons }] of Object.entries(samples)) {
    writeFileSync(join(samplesFolder, `${name}.png`), encodePng(paint(side, ground, polygons)));
  }
});
