// Reads what torch.save pickled, without running anything: pickles are programs, and of their instructions only those exist
// here that put plain values together. Of Python's classes and functions a few names are known, each with what it means for
// tensors; every other name is refused. Where the bytes of tensors lie is pytorch.ts.
import { PagemindError } from '../errors.js';
import type { SafetensorsDtype } from './safetensors.js';

/** A tensor as it was pickled: a view of a storage, in elements. */
export class PickledTensor {
  readonly storage: PickledStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: PickledStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** A storage, whose elements are an entry of the archive. */
export class PickledStorage {
  readonly dtype: SafetensorsDtype;
  /** Name of the entry. */
  readonly key: string;
  readonly length: number;

  constructor(dtype: SafetensorsDtype, key: string, length: number) {
    this.dtype = dtype;
    this.key = key;
    this.length = length;
  }
}

/** A class or function that is known. */
class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Marks where the values of a list begin on the stack. */
const MARK: unique symbol = Symbol('mark');

/** A value. Tuples and lists are both arrays. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | PickledTensor
  | PickledStorage
  | Global
  | readonly Pickled[]
  | ReadonlyMap<Pickled, Pickled>;

/** Dtypes of storages by the names of their classes. */
export const STORAGES: Readonly<Record<string, SafetensorsDtype>> = {
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.DoubleStorage': 'F64',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** What calling a known class or function with arguments gives; undefined for arguments that it cannot have. */
const CALLS: Readonly<Record<string, (args: readonly Pickled[]) => Pickled | undefined>> = {
  'collections.OrderedDict': (args) => (args.length === 0 ? new Map() : undefined),
  'torch.Size': ([size]) => (isSizes(size) ? size : undefined),
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': ([tensor]) => (tensor instanceof PickledTensor ? tensor : undefined),
};

function rebuildTensor([storage, offset, shape, strides]: readonly Pickled[]): Pickled | undefined {
  if (!(storage instanceof PickledStorage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides)) return undefined;
  return shape.length === strides.length ? new PickledTensor(storage, offset, shape, strides) : undefined;
}

function isSize(value: Pickled | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: Pickled | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every(isSize);
}

/**
 * Reads a pickle.
 * @throws PagemindError `unsupported_format` for a class or function that is not known, by its name; `file_malformed`.
 */
export function unpickle(bytes: Uint8Array, path: string): Pickled {
  return new Unpickler(bytes, path).run();
}

type Item = Pickled | typeof MARK;

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #path: string;
  readonly #stack: Item[] = [];
  readonly #memo = new Map<number, Pickled>();
  #at = 0;

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#path = path;
  }

  run(): Pickled {
    while (true) {
      const code = this.#u8();
      if (code === 0x2e) return this.#pop(); // STOP
      this.#step(code);
    }
  }

  #step(code: number): void {
    const stack = this.#stack;
    switch (code) {
      case 0x80: // PROTO
        this.#take(1);
        return;
      case 0x95: // FRAME
        this.#take(8);
        return;
      case 0x28: // MARK
        stack.push(MARK);
        return;
      case 0x30: // POP
        stack.pop();
        return;
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        stack.push(code === 0x88);
        return;
      case 0x4a: // BININT
        stack.push(this.#view.getInt32(this.#take(4), true));
        return;
      case 0x4b: // BININT1
        stack.push(this.#u8());
        return;
      case 0x4d: // BININT2
        stack.push(this.#view.getUint16(this.#take(2), true));
        return;
      case 0x8a: // LONG1
        stack.push(this.#long(this.#u8()));
        return;
      case 0x47: // BINFLOAT
        stack.push(this.#view.getFloat64(this.#take(8), false));
        return;
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        stack.push(this.#text(this.#u32()));
        return;
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING
        stack.push(this.#text(this.#u8()));
        return;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(this.#popMany(code - 0x84));
        return;
      case 0x74: // TUPLE
      case 0x6c: // LIST
        stack.push(this.#popToMark());
        return;
      case 0x61: // APPEND
        this.#append(this.#popMany(1));
        return;
      case 0x65: // APPENDS
        this.#append(this.#popToMark());
        return;
      case 0x73: // SETITEM
        this.#setItems(this.#popMany(2));
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popToMark());
        return;
      case 0x71: // BINPUT
        this.#memo.set(this.#u8(), this.#top());
        return;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#u32(), this.#top());
        return;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return;
      case 0x68: // BINGET
        stack.push(this.#recall(this.#u8()));
        return;
      case 0x6a: // LONG_BINGET
        stack.push(this.#recall(this.#u32()));
        return;
      case 0x63: // GLOBAL
        stack.push(this.#global(this.#line(), this.#line()));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        stack.push(this.#global(String(module), String(name)));
        return;
      }
      case 0x52: // REDUCE
        stack.push(this.#call());
        return;
      case 0x51: // BINPERSID
        stack.push(this.#storage(this.#pop()));
        return;
      case 0x62: {
        // BUILD: attributes of an OrderedDict, which say nothing about its tensors.
        this.#pop();
        if (!(this.#top() instanceof Map)) this.#fail('it gives attributes to something that has none');
        return;
      }
      default:
        this.#fail(`instruction ${code} at byte ${this.#at - 1} is not one that tensors need`);
    }
  }

  #append(values: readonly Pickled[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail('it appends to something that is no list');
    for (const value of values) list.push(value);
  }

  #setItems(values: readonly Pickled[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || values.length % 2 !== 0) this.#fail('it sets items of something that is no dict');
    for (let i = 0; i < values.length; i += 2) dict.set(values[i], values[i + 1]);
  }

  #global(module: string, name: string): Global {
    const full = `${module}.${name}`;
    if (Object.hasOwn(STORAGES, full) || Object.hasOwn(CALLS, full)) return new Global(full);
    throw new PagemindError(
      'unsupported_format',
      `${this.#path} wants Python's ${JSON.stringify(full.slice(0, 120))}.`,
      {
        hint: 'Only tensors and plain values are read; nothing of a file is run. Convert the checkpoint to safetensors.',
      },
    );
  }

  #call(): Pickled {
    const [callee, args] = this.#popMany(2);
    const call = callee instanceof Global && Object.hasOwn(CALLS, callee.name) ? CALLS[callee.name] : undefined;
    const result = call && Array.isArray(args) ? call(args) : undefined;
    if (result === undefined) this.#fail('it calls something with arguments that it cannot have');
    return result;
  }

  /** ('storage', class, key, device, length). */
  #storage(id: Pickled): PickledStorage {
    const [kind, type, key, , length] = Array.isArray(id) ? (id as readonly Pickled[]) : [];
    const dtype = type instanceof Global && Object.hasOwn(STORAGES, type.name) ? STORAGES[type.name] : undefined;
    if (kind !== 'storage' || !dtype || typeof key !== 'string' || !isSize(length)) this.#fail('a storage is damaged');
    return new PickledStorage(dtype, key, length);
  }

  #recall(index: number): Pickled {
    const value = this.#memo.get(index);
    if (value === undefined) this.#fail(`it recalls value ${index}, which it never kept`);
    return value;
  }

  #top(): Pickled {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) this.#fail('its stack is empty');
    return value;
  }

  #pop(): Pickled {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popToMark(): Pickled[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) this.#fail('a list has no beginning');
    const values = this.#stack.splice(mark).slice(1);
    return values as Pickled[]; // no mark lies above the last one
  }

  #u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  #long(length: number): number {
    if (length > 8) this.#fail('a number has more than 64 bits');
    const start = this.#take(length);
    let value = 0n;
    for (let i = 0; i < length; i++) value |= BigInt(this.#bytes[start + i] ?? 0) << BigInt(8 * i);
    return Number(BigInt.asIntN(8 * length, value));
  }

  #text(length: number): string {
    const start = this.#take(length);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes.subarray(start, start + length));
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#fail('a name has no end');
    const text = this.#text(end - this.#at);
    this.#take(1);
    return text;
  }

  /** Moves on by `length` bytes and returns where they start. */
  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) this.#fail('it ends too early');
    this.#at = start + length;
    return start;
  }

  #fail(reason: string): never {
    throw new PagemindError('file_malformed', `${this.#path} cannot be read: ${reason}.`, {
      hint: 'The file is damaged, or no checkpoint of PyTorch; download it again, or convert it to safetensors.',
    });
  }
}
