// Quantised checkpoints of every layout, recognised from their tensors and dequantised exactly; and what is refused.
import { readFileSync } from 'node:fs';
import { weightFormats } from '@pagemind/quant';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { describeWithFixtures, fixturesPath } from '../testing/fixtures.js';
import { planesOf } from '../testing/quantized.js';
import { readTensors } from '../testing/tensors.js';
import { type TorchTensor, writeTorch } from '../testing/torch-writer.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { checkModelFormat } from './find-quantized.js';
import { bytesSource, memorySource } from './memory-source.js';
import { DTYPE_BYTES, readSafetensorsHeader, type SafetensorsDtype } from './safetensors.js';
import { type TensorData, writeSafetensors } from './safetensors-writer.js';

const BYTES: Partial<Record<SafetensorsDtype, number>> = { I32: 4, U32: 4, I64: 8, F32: 4, F16: 2, BF16: 2, I16: 2 };

function tensor(dtype: SafetensorsDtype, shape: readonly number[], words: readonly number[] = []): TensorData {
  const length = shape.reduce((product, size) => product * size, BYTES[dtype] ?? 1);
  const data = new Uint8Array(length);
  data.set(new Uint8Array(Int32Array.from(words).buffer).subarray(0, length));
  return { dtype, shape, data };
}

type Files = Readonly<Record<string, string | Uint8Array>>;

function filesOf(tensors: Readonly<Record<string, TensorData>>, config: object = {}): Files {
  return { 'config.json': JSON.stringify(config), 'model.safetensors': writeSafetensors(tensors) };
}

const open = (tensors: Readonly<Record<string, TensorData>>, config?: object): Promise<Checkpoint> =>
  openCheckpoint(memorySource(filesOf(tensors, config)));

/** Tensors of one matrix [64, 128] of groups of 32 in every layout. */
const layouts = {
  'AWQ gemm': {
    'm.qweight': tensor('I32', [128, 8]),
    'm.qzeros': tensor('I32', [4, 8]),
    'm.scales': tensor('F16', [4, 64]),
  },
  'AWQ gemv': {
    'm.qweight': tensor('I32', [64, 16]),
    'm.qzeros': tensor('I32', [64, 4]),
    'm.scales': tensor('F16', [64, 32]),
  },
  GPTQ: {
    'm.qweight': tensor('I32', [16, 64]),
    'm.qzeros': tensor('I32', [4, 8]),
    'm.scales': tensor('F16', [4, 64]),
    'm.g_idx': tensor(
      'I32',
      [128],
      Array.from({ length: 128 }, (_, i) => i >> 5),
    ),
  },
  'compressed-tensors': {
    'm.weight_packed': tensor('I32', [64, 16]),
    'm.weight_scale': tensor('BF16', [64, 4]),
    'm.weight_zero_point': tensor('I32', [8, 4]),
    'm.weight_shape': tensor('I64', [2]),
  },
  MLX: {
    'm.weight': tensor('U32', [64, 16]),
    'm.scales': tensor('BF16', [64, 4]),
    'm.biases': tensor('BF16', [64, 4]),
  },
} as const;
type Layout = keyof typeof layouts;
const names = Object.keys(layouts) as Layout[];
const groups32 = { quantization_config: { group_size: 32 } };

describe('findQuantized', () => {
  it.each(names)('recognises %s', async (layout) => {
    const matrix = (await open(layouts[layout], groups32)).quantized?.get('m.weight');
    const isMlx = layout === 'MLX';
    expect(matrix).toMatchObject({ layout, numRows: 64, numCols: 128 });
    expect(matrix?.options).toEqual({
      format: 'int4',
      groupSize: 32,
      hasZeros: !isMlx,
      ...(isMlx && { hasBiases: true }),
    });
    expect(matrix?.groupOf).toBeUndefined();
  });

  it.each(['AWQ gemm', 'GPTQ', 'compressed-tensors', 'MLX'] as const)('%s needs no configuration', async (layout) => {
    expect((await open(layouts[layout])).quantized?.get('m.weight')?.options.groupSize).toBe(32);
  });

  it('takes what config.json lacks from the files of older tools', async () => {
    const files = {
      ...filesOf(layouts['AWQ gemv']),
      'quant_config.json': '{"w_bit":4,"q_group_size":32,"version":"GEMV"}',
    };
    const { quantized } = await openCheckpoint(memorySource(files));
    expect(quantized?.get('m.weight')?.options.groupSize).toBe(32);
    const v2 = { ...filesOf(layouts.GPTQ), 'quantize_config.json': '{"checkpoint_format":"gptq_v2"}' };
    const added = async (from: Files): Promise<unknown> =>
      (await openCheckpoint(memorySource(from))).quantized?.get('m.weight')?.parts.map((part) => part.added);
    expect(await added(v2)).toEqual([0, 0, 0]);
    expect(await added(filesOf(layouts.GPTQ))).toEqual([0, 0, 1]);
  });

  it('takes all columns as one group, and 8 bits', async () => {
    const whole = {
      'm.qweight': tensor('I32', [16, 64]),
      'm.qzeros': tensor('I32', [1, 8]),
      'm.scales': tensor('F16', [1, 64]),
    };
    const config = { quantization_config: { group_size: -1 } };
    expect((await open(whole, config)).quantized?.get('m.weight')?.options.groupSize).toBe(128);
    const bytes = {
      'm.qweight': tensor('I32', [32, 64]),
      'm.qzeros': tensor('I32', [4, 16]),
      'm.scales': tensor('F16', [4, 64]),
    };
    expect((await open(bytes)).quantized?.get('m.weight')).toMatchObject({ numCols: 128, options: { format: 'int8' } });
  });

  it('takes what MLX says of single matrices', async () => {
    const config = { quantization: { bits: 4, group_size: 64, m: { bits: 8, group_size: 32 } } };
    const bytes = { ...layouts.MLX, 'm.scales': tensor('F16', [64, 2]), 'm.biases': tensor('F16', [64, 2]) };
    expect((await open(bytes, config)).quantized?.get('m.weight')).toMatchObject({
      numCols: 64,
      options: { format: 'int8' },
    });
  });

  it('reads the groups of columns, where they are not in order', async () => {
    const order = Array.from({ length: 128 }, (_, i) => (i * 7) % 4);
    const { quantized } = await open({ ...layouts.GPTQ, 'm.g_idx': tensor('I32', [128], order) });
    expect([...(quantized?.get('m.weight')?.groupOf ?? [])]).toEqual(order);
  });

  it.each<[string, Readonly<Record<string, TensorData>>, object, string, RegExp]>([
    [
      'no scales',
      { 'm.qweight': tensor('I32', [16, 64]), 'a.scales': tensor('F16', [1]) },
      {},
      'tensor_missing',
      /m lacks its tensor scales/,
    ],
    [
      'codes of another dtype',
      { ...layouts['AWQ gemm'], 'm.qweight': tensor('I16', [128, 8]) },
      {},
      'tensor_mismatch',
      /m.qweight: is I16/,
    ],
    [
      'codes of one dimension',
      { ...layouts.GPTQ, 'm.qweight': tensor('I32', [16]) },
      {},
      'tensor_mismatch',
      /two dimensions/,
    ],
    [
      'shapes of no layout',
      { ...layouts.GPTQ, 'm.scales': tensor('F16', [3, 64]) },
      {},
      'tensor_mismatch',
      /neither AWQ nor GPTQ/,
    ],
    ['empty tensors', { ...layouts.GPTQ, 'm.scales': tensor('F16', [0, 64]) }, {}, 'tensor_mismatch', /two dimensions/],
    ['three bits', { ...layouts.GPTQ, 'm.qzeros': tensor('I32', [4, 6]) }, {}, 'unsupported_format', /3 bits/],
    [
      'a column of no group',
      { ...layouts.GPTQ, 'm.g_idx': tensor('I32', [128], [0, 4]) },
      {},
      'tensor_mismatch',
      /column 1 into group 4 of 4/,
    ],
    [
      'a column below',
      { ...layouts.GPTQ, 'm.g_idx': tensor('I32', [128], [-1]) },
      {},
      'tensor_mismatch',
      /column 0 into group -1/,
    ],
    [
      'a short g_idx',
      { ...layouts.GPTQ, 'm.g_idx': tensor('I32', [127]) },
      {},
      'tensor_mismatch',
      /expected I32 \[128\]/,
    ],
    [
      'other biases',
      { ...layouts.MLX, 'm.biases': tensor('BF16', [64, 3]) },
      {},
      'tensor_mismatch',
      /expected \[64, 4\]/,
    ],
    [
      'other zero points',
      { ...layouts['compressed-tensors'], 'm.weight_zero_point': tensor('I32', [64, 4]) },
      {},
      'tensor_mismatch',
      /expected \[8, 4\]/,
    ],
    ['gemv of no group size', layouts['AWQ gemv'], {}, 'invalid_config', /does not say the group_size of m/],
    [
      'groups of 16',
      layouts['AWQ gemv'],
      { quantization_config: { group_size: 16 } },
      'unsupported_format',
      /groups of 16/,
    ],
    [
      'another group size',
      layouts.GPTQ,
      { quantization_config: { group_size: 64 } },
      'invalid_config',
      /says group_size 64, but m has 4 groups/,
    ],
    [
      'another number of bits',
      layouts.GPTQ,
      { quantization_config: { bits: 8 } },
      'invalid_config',
      /says bits 8, but m has 4/,
    ],
    [
      'another method',
      layouts.GPTQ,
      { quantization_config: { quant_method: 'awq' } },
      'invalid_config',
      /quant_method awq, but m is laid out as GPTQ/,
    ],
    [
      'another version',
      layouts['AWQ gemm'],
      { quantization_config: { version: 'gemv' } },
      'invalid_config',
      /version gemv, but m is laid out as AWQ gemm/,
    ],
    ['bits that are text', layouts.GPTQ, { quantization_config: { bits: '4' } }, 'invalid_config', /bits is "4"/],
  ])('refuses %s', async (_, tensors, config, code, message) => {
    await expect(open(tensors, config)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('opens or refuses whatever shapes and configurations there are, with codes', async () => {
    const size = fc.constantFrom(0, 1, 3, 4, 8, 16, 32, 64, 128);
    const dtype = fc.constantFrom<SafetensorsDtype>('I32', 'U32', 'F16', 'BF16', 'F32', 'I64');
    const tensors = fc.dictionary(
      fc.constantFrom(
        'qweight',
        'qzeros',
        'scales',
        'g_idx',
        'weight',
        'biases',
        'weight_packed',
        'weight_scale',
        'weight_zero_point',
      ),
      fc.tuple(dtype, fc.array(size, { maxLength: 2 })),
    );
    const value = fc.oneof(fc.constantFrom(4, 8, 32, -1, 0, 'gemm', 'awq', null, true), fc.jsonValue({ maxDepth: 1 }));
    const config = fc.dictionary(
      fc.constantFrom('bits', 'group_size', 'quant_method', 'version', 'config_groups', 'm'),
      value,
    );
    await fc.assert(
      fc.asyncProperty(tensors, config, async (shapes, said) => {
        const data = Object.entries(shapes).map(([name, [type, shape]]) => [`m.${name}`, tensor(type, shape)] as const);
        try {
          await open(Object.fromEntries(data), { quantization_config: said });
        } catch (error) {
          expect(error).toBeInstanceOf(PagemindError);
          expect(error).not.toMatchObject({ code: 'internal' });
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('checkModelFormat', () => {
  it.each<[Layout, string]>([
    ['AWQ gemm', 'awq'],
    ['AWQ gemv', 'awq'],
    ['GPTQ', 'gptq'],
    ['MLX', 'hf'],
  ])('%s is %s', async (layout, said) => {
    expect(() => checkModelFormat({ name: 'm', quantized: new Map() } as never, undefined)).not.toThrow();
    const checkpoint = await open(layouts[layout], groups32);
    expect(() => checkModelFormat(checkpoint, said)).not.toThrow();
    const other = said === 'awq' ? 'gptq' : 'awq';
    expect(() => checkModelFormat(checkpoint, other)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(`'${other}'.* are ${layout}`) }),
    );
  });

  it('misses quantisation where there is none', async () => {
    const checkpoint = await open({ 'm.weight': tensor('F16', [2, 2]) });
    expect(() => checkModelFormat(checkpoint, 'awq')).toThrow(/'awq', but the weights of .* are not quantised/);
  });
});

const GOLDENS = [
  ...['llama-awq-gemm-g128', 'llama-awq-gemm-g32', 'llama-awq-gemv-g128', 'llama-awq-gemv-g64'],
  ...['qwen2-awq-gemm-g128', 'qwen2-awq-gemv-g128'],
  ...['llama-gptq-v1-8bit', 'llama-gptq-v1-actorder', 'llama-gptq-v1-sym', 'llama-gptq-v2'],
  ...['qwen2-gptq-v1-actorder', 'qwen2-gptq-v1-sym', 'qwen2-gptq-v2'],
  ...['llama-ct-int4', 'llama-ct-int4-asym', 'qwen2-ct-int4-asym', 'llama-mlx-4bit', 'qwen2-mlx-4bit'],
];

describeWithFixtures('goldens: dequantised matrices are those of the reference', 'goldens/README.md', () => {
  it.each(GOLDENS)('%s', async (name) => {
    const folder = fixturesPath(`goldens/${name}`);
    const files = Object.fromEntries(
      ['config.json', 'model.safetensors'].map((file) => [file, readFileSync(`${folder}/${file}`)]),
    );
    await expectDequantised(name, files);
  });

  it.each(['llama-awq-gemm-g32', 'llama-gptq-v1-actorder'])('%s, saved by PyTorch', async (name) => {
    const folder = fixturesPath(`goldens/${name}`);
    const config = { 'config.json': readFileSync(`${folder}/config.json`) };
    const saved = await asTorch(readFileSync(`${folder}/model.safetensors`));
    await expectDequantised(name, { ...config, 'pytorch_model.bin': saved });
    await expectDequantised(name, { ...config, 'model.pth': saved });
  });

  /** A safetensors file as torch.save would have written it. */
  async function asTorch(bytes: Uint8Array): Promise<Uint8Array> {
    const { tensors } = await readSafetensorsHeader(bytesSource(bytes, 'm'), 'm');
    const classes = { I32: 'IntStorage', F16: 'HalfStorage', BF16: 'BFloat16Storage', F32: 'FloatStorage' } as const;
    const entries = Array.from(tensors, ([name, { dtype, shape, offset, length }]): [string, TorchTensor] => {
      const { buffer } = Uint8Array.from(bytes.subarray(offset, offset + length));
      const storage = DTYPE_BYTES[dtype] === 2 ? new Uint16Array(buffer) : new Int32Array(buffer);
      const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
      return [name, { storage, storageClass: classes[dtype as 'I32'], shape, strides }];
    });
    return writeTorch(Object.fromEntries(entries));
  }

  async function expectDequantised(name: string, files: Files): Promise<void> {
    const checkpoint = await openCheckpoint(memorySource(files));
    const folder = fixturesPath(`goldens/${name}`);
    const golden = [...readTensors(readFileSync(`${folder}/golden.safetensors`))].filter(([key]) =>
      key.startsWith('dequant.'),
    );
    expect(golden).toHaveLength(2);
    for (const [key, { shape, values }] of golden) {
      const matrix = checkpoint.quantized?.get(key.replace('dequant.', ''));
      if (!matrix) throw new Error(`${key} is not quantised`);
      const { planes, options } = await planesOf(matrix);
      const [rows = 0] = shape;
      const all = weightFormats[options.format].unpack(planes, matrix.numRows, matrix.numCols, options);
      expect(all.subarray(0, rows * matrix.numCols)).toEqual(values);
    }
  }
});
