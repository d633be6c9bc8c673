// Files of torch.save: real ones, every kind of refusal by its name, and that no damage brings anything but a PagemindError.
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { torchFiles } from '../testing/torch-fixtures.js';
import { type TorchTensor, writeTorch, writeZip } from '../testing/torch-writer.js';
import { openCheckpoint } from './checkpoint.js';
import { bytesSource, memorySource } from './memory-source.js';
import { unpickle } from './pickle.js';
import { readPytorchFile } from './pytorch.js';

const real = (name: keyof typeof torchFiles): Uint8Array =>
  new Uint8Array(inflateSync(Buffer.from(torchFiles[name], 'base64')));

const read = (bytes: Uint8Array) => readPytorchFile(bytesSource(bytes, 'm.bin'), 'm.bin');

const storage = Float32Array.from({ length: 6 }, (_, i) => i);
const plain: TorchTensor = { storage, shape: [2, 3], strides: [3, 1] };

describe('readPytorchFile', () => {
  it('finds the tensors of a real file: views, halves, integers, parameters, tensors that are there twice', async () => {
    const bytes = real('state');
    const tensors = await read(bytes);
    const at = (name: string): ArrayBuffer => {
      const { offset, length } = tensors.get(name) ?? { offset: 0, length: 0 };
      return bytes.slice(offset, offset + length).buffer;
    };
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['view', 'F32', [2, 3]],
      ['f16', 'F16', [1, 2]],
      ['bf16', 'BF16', [2]],
      ['codes', 'I32', [1, 2]],
      ['parameter', 'F32', [2]],
      ['tied', 'F16', [1, 2]],
    ]);
    expect([...new Float32Array(at('view'))]).toEqual([2, 3, 4, 5, 6, 7]);
    expect([...new Uint16Array(at('f16'))]).toEqual([0x3e00, 0xc000]);
    expect([...new Uint16Array(at('bf16'))]).toEqual([0x4040, 0x3e80]);
    expect([...new Int32Array(at('codes'))]).toEqual([7, -1]);
    expect([...new Float32Array(at('parameter'))]).toEqual([0, 1]);
    expect(tensors.get('tied')).toEqual(tensors.get('f16'));
  });

  it('finds the state of the model in a checkpoint of a training run', async () => {
    expect([...(await read(real('training'))).keys()]).toEqual(['w']);
  });

  it('reads archives with numbers of 64 bits, and with a comment behind them', async () => {
    const expected = await read(writeTorch({ plain }));
    expect(expected.get('plain')).toMatchObject({ dtype: 'F32', shape: [2, 3], length: 24 });
    expect(await read(writeTorch({ plain }, { isZip64: true }))).toEqual(expected);
    expect(await read(writeTorch({ plain }, { comment: 'PK a comment' }))).toEqual(expected);
  });

  it('counts a dimension of one element as contiguous whatever its stride', async () => {
    const one: TorchTensor = { storage, shape: [1, 6], strides: [77, 1] };
    expect((await read(writeTorch({ one }))).get('one')).toMatchObject({ shape: [1, 6], length: 24 });
  });

  it.each<[string, Uint8Array, string, string]>([
    ['a name that could run code', real('hostile'), 'unsupported_format', 'system"'],
    ['files of old versions', real('old'), 'unsupported_format', 'before version 1.6'],
    ['tensors that are not contiguous', real('transposed'), 'unsupported_format', 'tensor "w" is not contiguous'],
    ['big-endian numbers', writeTorch({ plain }, { byteOrder: 'big' }), 'unsupported_format', 'big-endian'],
    ['compressed entries', writeTorch({ plain }, { method: 8 }), 'unsupported_format', 'compressed'],
    ['views behind the storage', writeTorch({ v: { ...plain, offset: 1 } }), 'file_malformed', 'ends at element 7'],
    [
      'huge shapes',
      writeTorch({ v: { ...plain, shape: [2 ** 31 - 1, 2 ** 31 - 1] } }),
      'file_malformed',
      'has the shape',
    ],
    ['no archive', new Uint8Array(100), 'file_malformed', 'no zip archive'],
    ['an empty file', new Uint8Array(0), 'file_malformed', 'no zip archive'],
    ['archives of other kinds', writeZip([['a.txt', new Uint8Array(1)]]), 'file_malformed', 'not one of torch.save'],
    ['a file without tensors', writeTorch({}), 'file_malformed', 'no tensors by name'],
    [
      'entries that are there twice',
      writeZip([
        ['a', storageBytes()],
        ['a', storageBytes()],
      ]),
      'file_malformed',
      'twice',
    ],
  ])('refuses %s', async (_what, bytes, code, message) => {
    await expect(read(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  function storageBytes(): Uint8Array {
    return new Uint8Array(storage.buffer);
  }
});

describe('unpickle', () => {
  const latin = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

  it.each([
    ['cos\nsystem\n.', '"os.system"'],
    ['\x8c\x08builtins\x8c\x04eval\x93.', '"builtins.eval"'],
    ['ctorch._utils\n__dict__\n.', '"torch._utils.__dict__"'],
    ['c__proto__\nx\n.', '"__proto__.x"'],
  ])('refuses %j by name', (pickle, name) => {
    expect(() => unpickle(latin(pickle), 'm')).toThrow(
      expect.objectContaining({ code: 'unsupported_format', message: expect.stringContaining(name) }),
    );
  });

  it.each([
    ['an instance of a class', 'ccollections\nOrderedDict\n)\x81.'],
    ['a call with arguments of its own', 'ccollections\nOrderedDict\n(Nt' + 'R.'],
    ['a call of something that is no function', 'N)R.'],
    ['attributes of a number', 'K\x01}b.'],
    ['a value that was never kept', 'h\x05.'],
    ['no end', 'N'],
    ['nothing', '.'],
    ['a list without a beginning', 'K\x01t.'],
    ['a mark for a value', '(.'],
    ['a text longer than the file', 'X\xff\xff\xff\x7fa.'],
  ])('refuses %s', (_what, pickle) => {
    expect(() => unpickle(latin(pickle), 'm')).toThrow(expect.objectContaining({ code: 'file_malformed' }));
  });
});

describe('a checkpoint of PyTorch', () => {
  const tensor = (value: number): TorchTensor => ({ storage: Float32Array.of(value), shape: [1], strides: [1] });

  it.each([['pytorch_model.bin'], ['consolidated.00.pth']])('is found as %s', async (path) => {
    const { tensors } = await openCheckpoint(
      memorySource({ 'config.json': '{}', [path]: writeTorch({ a: tensor(1) }) }),
    );
    expect(tensors.get('a')).toMatchObject({ dtype: 'F32', shape: [1], file: path });
  });

  it('is joined from shards', async () => {
    const index = { weight_map: { a: 'x.bin', b: 'y.bin' } };
    const { tensors } = await openCheckpoint(
      memorySource({
        'config.json': '{}',
        'pytorch_model.bin.index.json': JSON.stringify(index),
        'x.bin': writeTorch({ a: tensor(1) }),
        'y.bin': writeTorch({ b: tensor(2) }),
      }),
    );
    expect([...tensors].map(([name, { file }]) => [name, file])).toEqual([
      ['a', 'x.bin'],
      ['b', 'y.bin'],
    ]);
  });
});
