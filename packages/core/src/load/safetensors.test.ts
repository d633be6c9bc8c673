// The header reader against what a file may do to it, down to random mutations.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { bytesSource } from './memory-source.js';
import { readSafetensorsHeader } from './safetensors.js';
import { writeSafetensors } from './safetensors-writer.js';

/** A file with the given header text and `numData` bytes of data. */
function fileOf(header: string | Uint8Array, numData = 0): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + numData);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const readHeader = (file: Uint8Array) => readSafetensorsHeader(bytesSource(file, 'x.safetensors'), 'x.safetensors');
const read = async (file: Uint8Array) => (await readHeader(file)).tensors;

describe('readSafetensorsHeader', () => {
  it('finds what the writer wrote', async () => {
    const file = writeSafetensors(
      {
        a: { dtype: 'F32', shape: [2, 3], data: new Uint8Array(24).fill(1) },
        empty: { dtype: 'F16', shape: [0, 7], data: new Uint8Array(0) },
        scalar: { dtype: 'BF16', shape: [], data: new Uint8Array(2).fill(2) },
      },
      { format: 'pt' },
    );
    const tensors = await read(file);
    const dataStart = file.length - 26;
    expect(dataStart % 8).toBe(0);
    expect([...tensors]).toEqual([
      ['a', { dtype: 'F32', shape: [2, 3], offset: dataStart, length: 24 }],
      ['empty', { dtype: 'F16', shape: [0, 7], offset: dataStart + 24, length: 0 }],
      ['scalar', { dtype: 'BF16', shape: [], offset: dataStart + 24, length: 2 }],
    ]);
    expect(file.subarray(dataStart, dataStart + 25)).toEqual(new Uint8Array([...Array(24).fill(1), 2]));
  });

  it('reads headers longer than the first read', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `layers.${i}.weight`);
    const tensor = { dtype: 'U8' as const, shape: [1], data: new Uint8Array(1) };
    const tensors = await read(writeSafetensors(Object.fromEntries(names.map((name) => [name, tensor]))));
    expect([...tensors.keys()]).toEqual(names);
  });

  const tensor = (fields: object, name = 't') =>
    JSON.stringify({ [name]: { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...fields } });
  const longLength = fileOf('{}');
  longLength.fill(0xff, 0, 8);
  const overLimit = fileOf('{}');
  new DataView(overLimit.buffer).setBigUint64(0, 100_000_001n, true);
  const pair = (second: readonly [number, number]) =>
    `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[${second}]}}`;

  it.each<[string, Uint8Array, RegExp]>([
    ['a file without a length', new Uint8Array(7), /shorter than 8 bytes/],
    ['a length beyond the limit', overLimit, /the limit is/],
    ['a length of 2^64 - 1', longLength, /the limit is/],
    ['a length beyond the file', fileOf('{}').subarray(0, 9), /the file has 9/],
    ['invalid UTF-8', fileOf(new Uint8Array([0x7b, 0xff, 0x7d])), /not JSON/],
    ['a byte order mark', fileOf('\ufeff{}'), /not JSON/],
    ['invalid JSON', fileOf('{"a":'), /not JSON/],
    ['deeply nested JSON', fileOf('['.repeat(200_000)), /not JSON/],
    ['an array', fileOf('[]'), /not a JSON object/],
    ['null', fileOf('null'), /not a JSON object/],
    ['metadata that is no object', fileOf('{"__metadata__":[]}'), /__metadata__/],
    ['metadata that holds numbers', fileOf('{"__metadata__":{"a":1}}'), /__metadata__/],
    ['a tensor that is no object', fileOf('{"t":4}'), /not described by an object/],
    ['an unknown dtype', fileOf(tensor({ dtype: 'F12' }), 4), /unknown dtype "F12"/],
    ['a dtype of the prototype', fileOf(tensor({ dtype: 'toString' }), 4), /unknown dtype/],
    ['a dtype that is no string', fileOf(tensor({ dtype: ['F32'] }), 4), /unknown dtype/],
    ['no shape', fileOf(tensor({ shape: undefined }), 4), /shape/],
    ['a negative shape', fileOf(tensor({ shape: [-1] }), 4), /shape/],
    ['a fractional shape', fileOf(tensor({ shape: [0.5] }), 4), /shape/],
    ['a shape of strings', fileOf(tensor({ shape: ['1'] }), 4), /shape/],
    ['a shape that overflows', fileOf(tensor({ shape: [2 ** 50, 2 ** 50] }), 4), /need/],
    ['no offsets', fileOf(tensor({ data_offsets: [] }), 4), /data_offsets/],
    ['three offsets', fileOf(tensor({ data_offsets: [0, 4, 4] }), 4), /data_offsets/],
    ['negative offsets', fileOf(tensor({ data_offsets: [-4, 0] }), 4), /data_offsets/],
    ['huge offsets', fileOf(tensor({ data_offsets: [0, 1e300] }), 4), /data_offsets/],
    ['offsets the wrong way round', fileOf(tensor({ data_offsets: [4, 0] }), 4), /has -4 bytes/],
    ['a size unlike shape and dtype', fileOf(tensor({ data_offsets: [0, 8] }), 8), /its shape and dtype need 4/],
    ['offsets beyond the file', fileOf(tensor({}), 3), /end at byte/],
    ['bytes after the last tensor', fileOf(tensor({}), 5), /end at byte/],
    ['a hole at the start', fileOf(tensor({ data_offsets: [4, 8] }), 8), /starts at byte/],
    ['a hole between tensors', fileOf(pair([5, 9]), 9), /starts at byte/],
    ['overlapping tensors', fileOf(pair([2, 6]), 6), /starts at byte/],
    ['tensors in the same place', fileOf(pair([0, 4]), 4), /starts at byte/],
    ['equal names', fileOf(pair([4, 8]).replace('"b"', '"a"'), 8), /twice/],
    ['equal names, one escaped', fileOf(pair([4, 8]).replace('"b"', '"\\u0061"'), 8), /twice/],
    ['__proto__ as a name', fileOf(tensor({}).replace('"t"', '"__proto__"'), 4), /forbidden name/],
    ['constructor as a name', fileOf(tensor({}, 'constructor'), 4), /forbidden name/],
  ])('refuses %s', async (_, file, reason) => {
    const error = await read(file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PagemindError);
    expect(error).toMatchObject({ code: 'file_malformed', hint: expect.stringContaining('download it again') });
    expect((error as Error).message).toMatch(reason);
  });

  it('accepts names with quotes, braces and colons', async () => {
    const names = ['a":{', 'b\\', '{"c":[', '"'];
    const data = { dtype: 'U8' as const, shape: [1], data: new Uint8Array(1) };
    const tensors = await read(writeSafetensors(Object.fromEntries(names.map((name) => [name, data]))));
    expect([...tensors.keys()]).toEqual(names);
  });

  it('throws nothing but file_malformed for mutated files', async () => {
    const seed = writeSafetensors(
      {
        'model.embed_tokens.weight': { dtype: 'BF16', shape: [3, 4], data: new Uint8Array(24) },
        'model.norm.weight': { dtype: 'F32', shape: [4], data: new Uint8Array(16) },
      },
      { format: 'pt' },
    );
    const snippets = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '-1',
      '0',
      '1e999',
      'null',
      '"F32"',
      '__proto__',
      '\\',
      '9'.repeat(20),
    ];
    const mutation = fc.record({
      at: fc.nat(seed.length - 1),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 6 }),
        fc.constantFrom(...snippets).map((text) => new TextEncoder().encode(text)),
      ),
      keepsLength: fc.boolean(),
    });
    let numAccepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
        let file: Uint8Array = seed;
        for (const { at, remove, insert, keepsLength } of mutations) {
          file = new Uint8Array([...file.subarray(0, at), ...insert, ...file.subarray(at + remove)]);
          // The length is put right again, or hardly anything would get past it.
          if (keepsLength && file.length >= 48)
            new DataView(file.buffer).setBigUint64(0, BigInt(file.length - 48), true);
        }
        try {
          for (const { offset, length } of (await read(file)).values()) {
            expect(offset >= 8 && length >= 0 && offset + length <= file.length).toBe(true);
          }
          numAccepted++;
        } catch (error) {
          expect(error).toBeInstanceOf(PagemindError);
          expect((error as PagemindError).code).toBe('file_malformed');
        }
      }),
      { numRuns: 5000 },
    );
    expect(numAccepted).toBeGreaterThan(0);
  });
});
