// Reads the wire format of protocol buffers, field by field, from bytes that nobody vouches for. What a field means, and
// messages in messages, are the reader's business.

/** A field as it lies in the file. Varints keep their low 32 bits. */
export type ProtobufField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: 'fixed32'; readonly value: DataView }
  | { readonly number: number; readonly kind: 'fixed64'; readonly value: DataView };

const MAX_VARINT_BYTES = 10;

/**
 * The fields of a message, in order; values are views of `bytes`.
 * @throws RangeError when the message ends in the middle of a field, or is none.
 */
export function* readProtobuf(bytes: Uint8Array): IterableIterator<ProtobufField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('it ends in the middle of a number');
      if (i < 5) value = (value | ((byte & 0x7f) << (7 * i))) >>> 0;
      if (byte < 0x80) return value;
    }
    throw new RangeError(`a number has more than ${MAX_VARINT_BYTES} bytes`);
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at)
      throw new RangeError(`a field of ${length} bytes begins ${bytes.length - at} before the end`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const view = (length: number): DataView => {
    const taken = take(length);
    return new DataView(taken.buffer, taken.byteOffset, length);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield { number, kind: 'varint', value: varint() };
        break;
      case 1:
        yield { number, kind: 'fixed64', value: view(8) };
        break;
      case 2:
        yield { number, kind: 'bytes', value: take(varint()) };
        break;
      case 5:
        yield { number, kind: 'fixed32', value: view(4) };
        break;
      default:
        throw new RangeError(`field ${number} has the unknown wire type ${tag & 7}`);
    }
  }
}
