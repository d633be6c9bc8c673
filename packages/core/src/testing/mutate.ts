// Damages bytes for fuzz tests: a seeded source of changes that parsers of untrusted files must survive.

/** Mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A copy of `bytes` with a few changes among its first `length`: bits, bytes, huge numbers, cuts, repeats. */
export function mutate(bytes: Uint8Array, length: number, random: () => number): Uint8Array {
  const int = (below: number): number => Math.floor(random() * below);
  let result = bytes.slice();
  for (let changes = 1 + int(3); changes > 0; changes--) {
    const at = int(Math.min(length, result.length));
    const kind = int(7);
    if (kind === 0) result[at] = (result[at] ?? 0) ^ (1 << int(8));
    else if (kind === 1) result[at] = int(256);
    else if (kind === 2) result.fill(0xff, at, at + 1 + int(8));
    else if (kind === 3) result.fill(0, at, at + 1 + int(8));
    else if (kind === 4) result = result.slice(0, at);
    else if (kind === 5) result.copyWithin(at, int(length), int(length));
    else {
      const longer = new Uint8Array(result.length + 1);
      longer.set(result);
      longer.copyWithin(at + 1, at, result.length);
      result = longer;
    }
    if (result.length === 0) return result;
  }
  return result;
}

/** Values that a parser of JSON may not expect, as text. */
const ODD: readonly string[] = [
  ...[
    '0',
    '-1',
    '1',
    '2',
    '7',
    '31',
    '33',
    '4096',
    '65536',
    '16777216',
    '2147483648',
    '9007199254740992',
    '1e300',
    '0.5',
  ],
  ...['null', 'true', 'false', '""', '"x"', '"__proto__"', '"F32"', '[]', '{}', '[1,2]', '[null]', '{"a":1}'],
];

/** Changes one to three parts of a value of JSON: to odd values, other parts, none, or two of them. */
export function mutateJson(value: unknown, random: () => number): void {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const places = placesIn(value);
  for (let changes = 1 + Math.floor(random() * 3); changes > 0 && places.length > 0; changes--) {
    const { holder, key } = one(places);
    const kind = Math.floor(random() * 8);
    const old = holder[key];
    if (kind < 4) holder[key] = JSON.parse(one(ODD));
    else if (kind === 4) delete holder[key];
    else if (kind === 5) exchange(one(places), { holder, key });
    else if (kind === 6 && isPlain(old)) holder[`${key}x`] = old;
    else if (typeof old === 'number') holder[key] = old + (random() < 0.5 ? 1 : -1);
  }
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every key of every object and list in a value. */
function placesIn(value: unknown, places: Place[] = []): Place[] {
  if (isPlain(value)) return places;
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    places.push({ holder, key });
    placesIn(holder[key], places);
  }
  return places;
}

/** Only of plain values: others might come to hold themselves. */
function exchange(a: Place, b: Place): void {
  const [first, second] = [a.holder[a.key], b.holder[b.key]];
  if (!isPlain(first) || !isPlain(second)) return;
  a.holder[a.key] = second;
  b.holder[b.key] = first;
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
