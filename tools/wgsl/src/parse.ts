// Turns one .wgsl file into the segments that the run-time linker joins. Three features and no more:
// imports (of files and of slots), knobs, and @if. Runs at build time only; nothing of it is shipped.

/** A piece of linked text: literal WGSL, a knob's value, or a branch kept when its flag has the wanted value. */
export type Segment =
  | string
  | { readonly knob: string; readonly value: string }
  | { readonly flag: string; readonly wanted: boolean; readonly body: readonly Segment[] };

export interface ParsedWgsl {
  /** Files imported, as paths relative to the package's `src` folder without the extension: `lib/reduce`. */
  readonly files: readonly string[];
  /** Slots that the kernel fills at link time. */
  readonly slots: readonly string[];
  /** Names each import line promises, for the reflection test: `weight` → `['weight_dot']`. */
  readonly promised: Readonly<Record<string, readonly string[]>>;
  readonly segments: readonly Segment[];
}

const IMPORT = /^import\s+(package|slot)::([\w:-]+?)(?:::\{([^}]*)\})?\s*;\s*$/;
const KNOB = /^(\s*(?:const|alias)\s+(\w+)\s*(?::\s*[\w<>]+)?\s*=\s*)([^;]+);\s*\/\/\s*knob\b.*$/;
const CONDITION = /^@if\(\s*(!?)\s*(\w+)\s*\)/;

/** Parses `source`; throws an Error naming `fileName` and the line on anything outside the subset. */
export function parseWgsl(source: string, fileName: string): ParsedWgsl {
  const files: string[] = [];
  const slots: string[] = [];
  const promised: Record<string, string[]> = {};
  const knobs = new Map<string, string>();
  const kept: string[] = [];
  source.split('\n').forEach((line, index) => {
    const imported = IMPORT.exec(line);
    if (imported) {
      const [, kind = '', path = '', names = ''] = imported;
      const target = kind === 'slot' ? path : path.replaceAll('::', '/');
      (kind === 'slot' ? slots : files).push(target);
      promised[target] = names
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean);
      return;
    }
    if (/^\s*(import|enable|requires)\b/.test(line)) {
      throw new Error(`${fileName}:${index + 1}: '${line.trim()}' is not in the linker's subset`);
    }
    const knob = KNOB.exec(line);
    if (knob) {
      const [, head = '', name = '', value = ''] = knob;
      knobs.set(name, value.trim());
      kept.push(`${head}\u0000${name}\u0000;`);
      return;
    }
    const code = line.replace(/\/\/.*$/, '').trimEnd();
    if (code !== '') kept.push(code);
  });
  return { files, slots, promised, segments: cut(`${kept.join('\n')}\n`, knobs, fileName) };
}

/** Splits text at knob marks and `@if` attributes. */
function cut(text: string, knobs: ReadonlyMap<string, string>, fileName: string): Segment[] {
  const segments: Segment[] = [];
  const pushText = (part: string): void => {
    part.split('\u0000').forEach((piece, index) => {
      if (index % 2 === 1) segments.push({ knob: piece, value: knobs.get(piece) ?? '' });
      else if (piece !== '') segments.push(piece);
    });
  };
  let from = 0;
  for (let at = text.indexOf('@if('); at !== -1; at = text.indexOf('@if(', from)) {
    const condition = CONDITION.exec(text.slice(at, at + 80));
    if (!condition) throw new Error(`${fileName}: malformed @if near '${text.slice(at, at + 40)}'`);
    const start = at + condition[0].length;
    const end = endOfItem(text, start, isInsideList(text, at), fileName);
    pushText(text.slice(from, at));
    const body = cut(text.slice(start, end), knobs, fileName);
    segments.push({ flag: condition[2] ?? '', wanted: condition[1] !== '!', body });
    from = end;
  }
  pushText(text.slice(from));
  return segments;
}

/** True when the innermost open bracket before `at` is a parameter list or a struct body. */
function isInsideList(text: string, at: number): boolean {
  const stack: boolean[] = [];
  for (let index = 0; index < at; index++) {
    const char = text[index];
    if (char === '(' || char === '[') stack.push(true);
    else if (char === '{') stack.push(/struct\s+\w+\s*$/.test(text.slice(0, index)));
    else if (char === ')' || char === ']' || char === '}') stack.pop();
  }
  return stack.at(-1) ?? false;
}

/** End of the declaration, statement, parameter or member that starts at `start`. */
function endOfItem(text: string, start: number, inList: boolean, fileName: string): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    const char = text[index] ?? '';
    if (inList && char === '<' && /\w/.test(text[index - 1] ?? '')) depth++;
    else if (inList && char === '>' && depth > 0) depth--;
    else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) {
      if (depth === 0) return index;
      depth--;
      if (char === '}' && depth === 0) {
        const otherwise = /^\s*else\b/.exec(text.slice(index + 1));
        if (!otherwise) return index + 1;
        index += otherwise[0].length;
      }
    } else if (depth === 0 && (char === ';' || (inList && char === ','))) return index + 1;
  }
  throw new Error(`${fileName}: @if without an end`);
}
