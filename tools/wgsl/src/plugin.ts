// Vite plugin: a .wgsl file becomes a module of segments (see parse.ts), its file imports become JavaScript imports.
// The reflection that tests do on linked text does not belong here.
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { parseWgsl } from './parse.ts';

interface WgslPlugin {
  name: string;
  enforce: 'pre';
  load(id: string): string | null;
}

/** Finds the `src` folder that `package::` imports of a file are relative to. */
function sourceRoot(file: string): string {
  const at = file.lastIndexOf(`${sep}src${sep}`);
  if (at === -1) throw new Error(`${file}: a .wgsl file must lie in a package's src folder`);
  return file.slice(0, at + 4);
}

/** The plugin; every Vite and Vitest configuration of the workspace that meets .wgsl files uses it. */
export function wgsl(): WgslPlugin {
  return {
    name: 'pagemind-wgsl',
    enforce: 'pre',
    load(id) {
      const file = id.split('?')[0] ?? id;
      if (!file.endsWith('.wgsl')) return null;
      const root = sourceRoot(file);
      const name = relative(root, file)
        .replaceAll(sep, '/')
        .replace(/\.wgsl$/, '');
      const { files, slots, promised, segments } = parseWgsl(readFileSync(file, 'utf8'), name);
      const lines = files.map((target, index) => {
        const path = relative(dirname(file), resolve(root, `${target}.wgsl`)).replaceAll(sep, '/');
        return `import m${index} from '${path.startsWith('.') ? path : `./${path}`}';`;
      });
      const imports = files.map((_, index) => `m${index}`).join(', ');
      lines.push(
        `export default { name: ${JSON.stringify(name)}, imports: [${imports}], slots: ${JSON.stringify(slots)}, ` +
          `promised: ${JSON.stringify(promised)}, segments: ${JSON.stringify(segments)} };`,
      );
      return lines.join('\n');
    },
  };
}
