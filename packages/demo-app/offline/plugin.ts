// Adds the service worker to the build: service-worker.js, with the list of all built files before it. Registering it is
// the page's business.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

/** @param publicFolder its files are part of the build as they are */
export function offline(publicFolder: string): Plugin {
  return {
    name: 'pagemind-offline',
    apply: 'build',
    generateBundle: {
      // After the other plugins have added their files.
      order: 'post',
      handler(_, bundle) {
        const files = new Map<string, string | Uint8Array>();
        for (const [name, file] of Object.entries(bundle)) {
          if (!name.endsWith('.map')) files.set(name, file.type === 'chunk' ? file.code : file.source);
        }
        const copied = existsSync(publicFolder) ? readdirSync(publicFolder, { recursive: true, encoding: 'utf8' }) : [];
        for (const name of copied.sort()) {
          const path = join(publicFolder, name);
          if (statSync(path).isFile()) files.set(name.split(sep).join('/'), readFileSync(path));
        }
        const version = createHash('sha256');
        for (const [name, content] of files) version.update(`\0${name}\0`).update(content);
        const built = { version: version.digest('hex').slice(0, 16), files: ['./', ...files.keys()] };
        const worker = readFileSync(fileURLToPath(new URL('service-worker.js', import.meta.url)), 'utf8');
        const source = `self.BUILT = ${JSON.stringify(built)};\n${worker}`;
        this.emitFile({ type: 'asset', fileName: 'service-worker.js', source });
      },
    },
  };
}
