// Writes SentencePiece models, normalisation rules included, for tests that need no fixtures.
// Not for use outside tests.

/** Numbers of the types in sentencepiece_model.proto. */
const TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A piece; type `normal`, score 0 unless given. */
export type PieceSpec = readonly [text: string, score?: number, type?: keyof typeof TYPES];

/** What a model is written from; the rest is as SentencePiece has it by default. */
export interface ModelSpec {
  readonly type: 'unigram' | 'bpe';
  readonly pieces: readonly PieceSpec[];
  readonly byteFallback?: boolean;
  readonly addDummyPrefix?: boolean;
  readonly removeExtraWhitespaces?: boolean;
  readonly whitespaceIsSuffix?: boolean;
  readonly charsmap?: Uint8Array;
}

const utf8 = new TextEncoder();

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** A field of bytes. */
export function bytesField(number: number, value: Iterable<number>): number[] {
  const bytes = [...value];
  return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
}

function intField(number: number, value: number | boolean | undefined): number[] {
  return value === undefined ? [] : [...varint(number << 3), ...varint(Number(value))];
}

function floatField(number: number, value: number): number[] {
  return [...varint((number << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)];
}

/** The bytes of a .model file. */
export function writeSentencePiece(spec: ModelSpec): Uint8Array {
  const pieces = spec.pieces.flatMap(([text, score = 0, type = 'normal']) =>
    bytesField(1, [...bytesField(1, utf8.encode(text)), ...floatField(2, score), ...intField(3, TYPES[type])]),
  );
  const trainer = [
    ...intField(3, spec.type === 'unigram' ? 1 : 2),
    ...intField(24, spec.whitespaceIsSuffix),
    ...intField(35, spec.byteFallback),
  ];
  const normalizer = [
    ...(spec.charsmap ? bytesField(2, spec.charsmap) : []),
    ...intField(3, spec.addDummyPrefix),
    ...intField(4, spec.removeExtraWhitespaces),
  ];
  return Uint8Array.from([...pieces, ...bytesField(2, trainer), ...bytesField(3, normalizer)]);
}

/** `<unk>`, `<s>` and `</s>`, as most models begin. */
export const SPECIAL_PIECES: readonly PieceSpec[] = [
  ['<unk>', 0, 'unknown'],
  ['<s>', 0, 'control'],
  ['</s>', 0, 'control'],
];

/** A piece for every byte. */
export const BYTE_PIECES: readonly PieceSpec[] = Array.from({ length: 256 }, (_, byte) => [
  `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  0,
  'byte',
]);

/** A node of the trie of rules. */
interface Node {
  readonly children: Map<number, Node>;
  /** Where the replacement begins. */
  value?: number;
}

/** Compiles rules as SentencePiece does: the trie's size, the trie as a double array, the replacements. */
export function writeCharsmap(rules: Readonly<Record<string, string>>): Uint8Array {
  const root: Node = { children: new Map() };
  const replacements: number[] = [];
  for (const [from, to] of Object.entries(rules)) {
    let node = root;
    for (const byte of utf8.encode(from)) {
      const child = node.children.get(byte) ?? { children: new Map() };
      node.children.set(byte, child);
      node = child;
    }
    node.value = replacements.length;
    replacements.push(...utf8.encode(to), 0);
  }
  const units: (number | undefined)[] = [0];
  placeChildren(units, new Set(), 0, 0, root);
  // SentencePiece itself refuses a trie that is no multiple of 1024 bytes.
  const trie = Uint32Array.from({ length: Math.ceil(units.length / 256) * 256 }, (_, i) => units[i] ?? 0);
  return Uint8Array.of(
    ...new Uint8Array(Uint32Array.of(trie.byteLength).buffer),
    ...new Uint8Array(trie.buffer),
    ...replacements,
  );
}

/**
 * Finds a base from which the node's children, and its value, lie in free units; the unit says how far it is. No two nodes
 * share a base, or one would have the other's children.
 */
function placeChildren(
  units: (number | undefined)[],
  bases: Set<number>,
  place: number,
  label: number,
  { children, value }: Node,
): void {
  const isLeaf = value !== undefined;
  const wanted = [...(isLeaf ? [0] : []), ...children.keys()];
  let base = 1;
  while (bases.has(base) || wanted.some((byte) => units[base ^ byte] !== undefined)) base++;
  bases.add(base);
  units[place] = ((place ^ base) << 10) | (isLeaf ? 0x100 : 0) | label;
  for (const byte of wanted) units[base ^ byte] = 0;
  if (isLeaf) units[base] = (value | 0x80000000) >>> 0;
  for (const [byte, child] of children) placeChildren(units, bases, base ^ byte, byte, child);
}
