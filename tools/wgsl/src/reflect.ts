// Lists what linked WGSL text declares: bindings, overrides, features, functions, struct layouts, workgroup memory. For
// tests alone: they compare it with what kernels state as plain data.
import { alignUp, type Layout, layoutOf, type MemberReflection, type StructReflection } from './layout.ts';
import { evaluate, TokenReader, tokenize } from './tokens.ts';

export interface BindingReflection {
  readonly name: string;
  readonly group: number;
  readonly index: number;
  readonly space: string;
  readonly access: string;
  readonly type: string;
}

export interface FunctionReflection {
  readonly name: string;
  /** `name: type` of each parameter. */
  readonly parameters: readonly string[];
  readonly result: string | undefined;
}

export interface Reflection {
  /** Features of `enable` lines, as WGSL calls them: `f16`, `subgroups`. */
  readonly enabled: readonly string[];
  /** Features that the code uses, enabled or not. */
  readonly used: readonly string[];
  readonly bindings: readonly BindingReflection[];
  /** Names of the `override` declarations. */
  readonly overrides: readonly string[];
  readonly functions: readonly FunctionReflection[];
  readonly structs: readonly StructReflection[];
  /** Bytes of all workgroup variables; undefined when one's size depends on an override. */
  readonly workgroupBytes: number | undefined;
  /** Invocations of a workgroup; undefined when they depend on an override. */
  readonly invocations: number | undefined;
  /** Every name declared outside functions, in order, repeated if declared twice. */
  readonly declared: readonly string[];
}

/** Attributes in front of a declaration: name → argument tokens. */
type Attributes = ReadonlyMap<string, readonly string[]>;

/** Reads linked WGSL. Throws on text whose outline is not WGSL. */
export function reflectWgsl(text: string): Reflection {
  const tokens = tokenize(text);
  return new Reflector(new TokenReader(tokens), usedFeatures(tokens)).read();
}

class Reflector {
  readonly #reader: TokenReader;
  readonly #used: readonly string[];
  readonly #enabled: string[] = [];
  readonly #bindings: BindingReflection[] = [];
  readonly #overrides: string[] = [];
  readonly #functions: FunctionReflection[] = [];
  readonly #structs: Map<string, StructReflection> = new Map();
  readonly #aliases: Map<string, readonly string[]> = new Map();
  readonly #constants: Map<string, number> = new Map();
  readonly #declared: string[] = [];
  #workgroupBytes: number | undefined = 0;
  #invocations: number | undefined;

  constructor(reader: TokenReader, used: readonly string[]) {
    this.#reader = reader;
    this.#used = used;
  }

  read(): Reflection {
    while (!this.#reader.isAtEnd) this.#readDeclaration();
    return {
      enabled: this.#enabled,
      used: this.#used,
      bindings: this.#bindings,
      overrides: this.#overrides,
      functions: this.#functions,
      structs: [...this.#structs.values()],
      workgroupBytes: this.#workgroupBytes,
      invocations: this.#invocations,
      declared: this.#declared,
    };
  }

  #readDeclaration(): void {
    const reader = this.#reader;
    if (reader.takeIf(';')) return;
    const attributes = this.#readAttributes();
    const keyword = reader.take();
    if (keyword === 'fn') this.#readFunction(attributes);
    else if (keyword === 'struct') this.#readStruct();
    else if (keyword === 'var') this.#readVariable(attributes);
    else if (keyword === 'const' || keyword === 'override' || keyword === 'alias') this.#readValue(keyword);
    else if (keyword === 'enable') this.#enabled.push(...reader.takeStatement().filter((token) => token !== ','));
    else if (['requires', 'diagnostic', 'const_assert'].includes(keyword)) reader.takeStatement();
    else throw new Error(`'${keyword}' does not open a declaration`);
  }

  #readAttributes(): Attributes {
    const attributes = new Map<string, readonly string[]>();
    while (this.#reader.takeIf('@')) {
      const name = this.#reader.take();
      const parts: string[] = [];
      if (this.#reader.takeIf('(')) {
        parts.push(...this.#reader.takeUntil(')'));
        this.#reader.take(')');
      }
      attributes.set(name, parts);
    }
    return attributes;
  }

  #declare(): string {
    const name = this.#reader.take();
    this.#declared.push(name);
    return name;
  }

  /** `const`, `override` or `alias`, behind the keyword. */
  #readValue(keyword: string): void {
    const name = this.#declare();
    if (this.#reader.takeIf(':')) this.#reader.takeUntil('=', ';');
    this.#reader.takeIf('=');
    const value = this.#reader.takeStatement();
    if (keyword === 'override') this.#overrides.push(name);
    else if (keyword === 'alias') this.#aliases.set(name, value);
    else {
      const number = evaluate(value, this.#constants);
      if (number !== undefined) this.#constants.set(name, number);
    }
  }

  #readVariable(attributes: Attributes): void {
    const reader = this.#reader;
    reader.take('<');
    const [space = '', , access = 'read'] = reader.takeUntil('>');
    reader.take('>');
    const name = this.#declare();
    const type = reader.takeIf(':') ? reader.takeUntil('=', ';') : [];
    reader.takeStatement();
    const index = attributes.get('binding');
    if (index) {
      const group = Number(attributes.get('group')?.[0]);
      this.#bindings.push({ name, group, index: Number(index[0]), space, access, type: spell(type) });
    }
    if (space === 'workgroup') {
      const size = this.#layoutOf(type)?.size;
      const known = this.#workgroupBytes !== undefined && size !== undefined;
      this.#workgroupBytes = known ? (this.#workgroupBytes ?? 0) + alignUp(size, 16) : undefined;
    }
  }

  #readFunction(attributes: Attributes): void {
    const reader = this.#reader;
    const name = this.#declare();
    const parameters: string[] = [];
    reader.take('(');
    while (!reader.takeIf(')')) {
      this.#readAttributes();
      parameters.push(spell(reader.takeUntil(',', ')')));
      reader.takeIf(',');
    }
    let result: string | undefined;
    if (reader.takeIf('->')) {
      this.#readAttributes();
      result = spell(reader.takeUntil('{'));
    }
    this.#skipBody();
    this.#functions.push({ name, parameters, result });
    const size = attributes.get('workgroup_size');
    if (size) this.#invocations = this.#product(size);
  }

  /** A body is no list of declarations, and `<` in it is mostly no bracket: only braces count. */
  #skipBody(): void {
    let depth = 0;
    do {
      const token = this.#reader.take();
      if (token === '{') depth++;
      else if (token === '}') depth--;
    } while (depth > 0);
  }

  #readStruct(): void {
    const reader = this.#reader;
    const name = this.#declare();
    const members: MemberReflection[] = [];
    let end: Layout | undefined = { size: 0, align: 1 };
    reader.take('{');
    while (!reader.takeIf('}')) {
      const attributes = this.#readAttributes();
      const member = reader.take();
      reader.take(':');
      const type = reader.takeUntil(',', '}');
      reader.takeIf(',');
      const own = this.#layoutOf(type);
      const size = Number(attributes.get('size')?.[0] ?? own?.size);
      const align = Number(attributes.get('align')?.[0] ?? own?.align);
      const offset: number | undefined = end && own ? alignUp(end.size, align) : undefined;
      members.push({ name: member, type: spell(type), offset });
      end = end && offset !== undefined ? { size: offset + size, align: Math.max(end.align, align) } : undefined;
    }
    const layout = end && { size: alignUp(end.size, end.align), align: end.align };
    this.#structs.set(name, { name, members, layout });
  }

  #layoutOf(type: readonly string[]): Layout | undefined {
    return layoutOf(type, { structs: this.#structs, aliases: this.#aliases, constants: this.#constants });
  }

  /** Product of comma-separated expressions; undefined when one is not known. */
  #product(tokens: readonly string[]): number | undefined {
    const reader = new TokenReader([...tokens, ',']);
    let product: number | undefined = 1;
    while (!reader.isAtEnd) {
      const factor = evaluate(reader.takeUntil(','), this.#constants);
      reader.take(',');
      product = product === undefined || factor === undefined ? undefined : product * factor;
    }
    return product;
  }
}

function spell(tokens: readonly string[]): string {
  return tokens
    .join('')
    .replace(/,(?=.)/g, ', ')
    .replace(/:/g, ': ');
}

/** Features that tokens betray: types and literals of f16, subgroup functions and built-in values. */
function usedFeatures(tokens: readonly string[]): string[] {
  const isHalf = (token: string): boolean => /^(f16|(vec[234]|mat[234]x[234])h|\d[\d.]*h)$/.test(token);
  const isSubgroup = (token: string, index: number): boolean =>
    (/^(subgroup|quad)[A-Z]/.test(token) && tokens[index + 1] === '(') ||
    (/^subgroup_(size|invocation_id)$/.test(token) && tokens[index - 2] === 'builtin');
  return [...(tokens.some(isHalf) ? ['f16'] : []), ...(tokens.some(isSubgroup) ? ['subgroups'] : [])];
}
