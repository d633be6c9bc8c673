// Sizes and alignments of WGSL types in host-shared memory, for reflection in tests.
import { evaluate, TokenReader } from './tokens.ts';

/** Bytes that a type takes, and the multiple that its address is of. */
export interface Layout {
  readonly size: number;
  readonly align: number;
}

export interface MemberReflection {
  readonly name: string;
  readonly type: string;
  /** Bytes from the start of the struct; undefined behind a member whose size is not known. */
  readonly offset: number | undefined;
}

export interface StructReflection {
  readonly name: string;
  readonly members: readonly MemberReflection[];
  /** Undefined when a member's size is not known. */
  readonly layout: Layout | undefined;
}

/** What the layout of a type may depend on. */
export interface TypeScope {
  readonly structs: ReadonlyMap<string, StructReflection>;
  /** Aliased types as tokens. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly constants: ReadonlyMap<string, number>;
}

const scalars: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, f16: 2 };
const suffixes: Readonly<Record<string, string>> = { f: 'f32', h: 'f16', i: 'i32', u: 'u32' };

/** Rounds `offset` up to a multiple of `align`. */
export function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

/** Layout of a type given as tokens; undefined for runtime-sized arrays and sizes that depend on an override. */
export function layoutOf(tokens: readonly string[], scope: TypeScope): Layout | undefined {
  const reader = new TokenReader(tokens);
  const name = reader.take();
  const templates: string[][] = [];
  if (reader.takeIf('<')) {
    do {
      if (reader.peek() !== '>') templates.push(reader.takeUntil(',', '>'));
    } while (reader.takeIf(','));
  }
  const scalar = scalars[name];
  if (scalar) return { size: scalar, align: scalar };
  const alias = scope.aliases.get(name);
  if (alias) return layoutOf(alias, scope);
  const [element, count] = templates;
  if (name === 'atomic') return { size: 4, align: 4 };
  if (name === 'array') return arrayLayout(element, count, scope);
  const shape = /^(?:vec([234])|mat([234])x([234]))([fhiu]?)$/.exec(name);
  if (!shape) return scope.structs.get(name)?.layout;
  const [, width, columns = '1', rows, suffix = ''] = shape;
  const bytes = scalars[suffixes[suffix] ?? element?.[0] ?? ''] ?? 4;
  const numRows = Number(width ?? rows);
  const align = (numRows === 2 ? 2 : 4) * bytes;
  return width ? { size: numRows * bytes, align } : { size: Number(columns) * align, align };
}

function arrayLayout(
  element: readonly string[] = [],
  count: readonly string[] | undefined,
  scope: TypeScope,
): Layout | undefined {
  const layout = layoutOf(element, scope);
  const length = count && evaluate(count, scope.constants);
  if (!layout || length === undefined) return undefined;
  return { size: length * alignUp(layout.size, layout.align), align: layout.align };
}
