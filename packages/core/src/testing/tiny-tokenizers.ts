// Two tokenizer.json made on the spot, for tests that need no fixtures: GPT-2's byte-level BPE and Llama's BPE with byte fallback.
// Not for use outside tests.

/** What the two have in common. */
interface Tiny {
  readonly json: Record<string, unknown>;
  readonly text: string;
}

function addedTokens(contents: readonly string[]): unknown[] {
  return contents.map((content, id) => ({ id, content, special: true, normalized: false }));
}

/** Every character of the merges, then every result of one, after what is there already; in order, without repetition. */
function vocabOf(first: readonly string[], merges: readonly string[]): Record<string, number> {
  const tokens = [
    ...first,
    ...merges.flatMap((merge) => merge.split(' ')),
    ...merges.map((merge) => merge.replace(' ', '')),
  ];
  return Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
}

function tiny(json: Record<string, unknown>): Tiny {
  return { json, text: JSON.stringify(json) };
}

/** GPT-2 style: id 0 is the special `<|end|>`, then one token per byte, then `he`, `hel`, `hell`, `hello`, ` w`, ` wo`. */
export function tinyByteLevel(): Tiny {
  const isPrintable = (byte: number): boolean => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const alphabet = [...bytes.filter(isPrintable), ...bytes.filter((byte) => !isPrintable(byte)).map((_, i) => 256 + i)];
  const merges = ['h e', 'he l', 'hel l', 'hell o', 'Ġ w', 'Ġw o'];
  return tiny({
    added_tokens: addedTokens(['<|end|>']),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: vocabOf(['<|end|>', ...alphabet.map((code) => String.fromCharCode(code))], merges),
      merges,
    },
  });
}

/** Llama style: `<unk>`, `<s>`, `</s>`, one token per byte, then `▁`, letters, `▁hello`, `▁world`; puts `<s>` first. */
export function tinyLlama(): Tiny {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const merges = ['▁ h', '▁h e', '▁he l', '▁hel l', '▁hell o', '▁ w', '▁w o', '▁wo r', '▁wor l', '▁worl d', '▁ ▁'];
  return tiny({
    added_tokens: addedTokens(['<unk>', '<s>', '</s>']),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: vocabOf(['<unk>', '<s>', '</s>', ...bytes], merges),
      merges,
    },
  });
}
