// Cuts WGSL into tokens and reads constant expressions, for reflection in tests. No compiler: text that Dawn would
// refuse may pass here.

/** Identifiers, numbers and single punctuation marks of `text`, comments left out. */
export function tokenize(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ' ');
  return code.match(/[A-Za-z_]\w*|0[xX][\da-fA-F]+[iu]?|\d[\w.]*|->|[^\s\w]/g) ?? [];
}

/** A position in a list of tokens. */
export class TokenReader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The token `ahead` places on; an empty string past the end. */
  peek(ahead = 0): string {
    return this.#tokens[this.#at + ahead] ?? '';
  }

  /** Takes a token, which must be `expected` if that is given. */
  take(expected?: string): string {
    const token = this.peek();
    if (token === '' || (expected !== undefined && token !== expected)) {
      throw new Error(`expected ${expected ?? 'more'}, found ${token || 'the end'} after '${this.#before()}'`);
    }
    this.#at++;
    return token;
  }

  /** Takes the next token if it is `wanted`. */
  takeIf(wanted: string): boolean {
    if (this.peek() !== wanted) return false;
    this.#at++;
    return true;
  }

  /** Takes tokens up to a semicolon, and that too. */
  takeStatement(): string[] {
    const taken: string[] = [];
    while (!this.takeIf(';')) taken.push(this.take());
    return taken;
  }

  /** Takes tokens up to one of `ends` that no bracket encloses, and leaves that one. For types: `<` is a bracket. */
  takeUntil(...ends: readonly string[]): string[] {
    const taken: string[] = [];
    for (let depth = 0; depth > 0 || !ends.includes(this.peek()); ) {
      const token = this.take();
      if ('([{<'.includes(token)) depth++;
      else if (')]}>'.includes(token)) depth--;
      taken.push(token);
    }
    return taken;
  }

  #before(): string {
    return this.#tokens.slice(Math.max(0, this.#at - 6), this.#at).join(' ');
  }
}

/** Operators of constant expressions, loosest first. */
const levels: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b },
];

/** Value of an integer expression over known constants; undefined when it depends on anything else. */
export function evaluate(tokens: readonly string[], constants: ReadonlyMap<string, number>): number | undefined {
  const reader = new TokenReader(tokens);
  const level = (index: number): number | undefined => {
    const operators = levels[index];
    if (!operators) return operand();
    let value = level(index + 1);
    for (let apply = operators[reader.peek()]; apply; apply = operators[reader.peek()]) {
      reader.take();
      const right = level(index + 1);
      value = value === undefined || right === undefined ? undefined : apply(value, right);
    }
    return value;
  };
  const operand = (): number | undefined => {
    const token = reader.take();
    if (token === '(') {
      const value = level(0);
      if (!reader.takeIf(')')) return undefined;
      return value;
    }
    return /^\d/.test(token) ? Number(token.replace(/[iu]$/, '')) : constants.get(token);
  };
  if (reader.isAtEnd) return undefined;
  const value = level(0);
  return reader.isAtEnd ? value : undefined;
}
