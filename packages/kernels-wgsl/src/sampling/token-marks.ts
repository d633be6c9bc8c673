// What the counts of a slot are told when a sequence starts, as the words that count-mark reads.

const MARK_PROMPT = 0x80000000;
const MARK_BANNED = 0x40000000;
const MARK_BIASED = 0x20000000;

/** Tokens that the counts of a slot shall know. */
export interface TokenMarks {
  readonly slot: number;
  readonly prompt: readonly number[];
  /** Ids generated earlier, of a sequence that is resumed; repeated ids count. */
  readonly generated: readonly number[];
  /** Ids that must never be drawn; they need `SlotSampling.hasBanned`. */
  readonly banned: readonly number[];
  /** Those of `SlotSampling.biases`. */
  readonly biased: readonly number[];
}

/** Bytes of `marks` for up to `maxMarks` tokens. */
export function tokenMarksBytes(maxMarks: number): number {
  return (1 + maxMarks) * 8;
}

/**
 * The contents of `marks` (see count-mark.wgsl) for some slots, in as many fillings of a buffer with `bytes` bytes as it
 * takes; at least one.
 */
export function fillTokenMarks(
  slots: readonly TokenMarks[],
  bytes: number,
): readonly { readonly words: Uint32Array<ArrayBuffer>; readonly numMarks: number }[] {
  const marks = slots.flatMap(({ slot, prompt, generated, banned, biased }) => [
    ...prompt.map((id) => [slot, id | MARK_PROMPT]),
    ...generated.map((id) => [slot, id]),
    ...banned.map((id) => [slot, id | MARK_BANNED]),
    ...biased.map((id) => [slot, id | MARK_BIASED]),
  ]);
  const maxMarks = bytes / 8 - 1;
  return Array.from({ length: Math.max(Math.ceil(marks.length / maxMarks), 1) }, (_, i) => {
    const part = marks.slice(i * maxMarks, (i + 1) * maxMarks);
    return { words: Uint32Array.from([part.length, 0, ...part.flat()]), numMarks: part.length };
  });
}
