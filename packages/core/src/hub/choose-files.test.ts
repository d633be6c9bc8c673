// Which files of a hub's model are downloaded.
import { expect, it } from 'vitest';
import { chooseFiles } from './choose-files.js';

const chosen = (paths: readonly string[], weightsFile?: string): readonly string[] =>
  chooseFiles(
    'a/b',
    paths.map((path) => ({ path, size: path === 'huge.json' ? 2 ** 40 : 10 })),
    weightsFile,
  ).map(({ path }) => path);

const shards = (stem: string, end: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `${stem}-0000${i + 1}-of-0000${count}.${end}`);

it.each<[string, readonly string[], readonly string[]]>([
  [
    'texts and safetensors, once',
    [
      ...[
        'README.md',
        'LICENSE',
        '.gitattributes',
        'huge.json',
        'config.json',
        'tokenizer.json',
        'vocab.json',
        'merges.txt',
      ],
      ...[
        'tokenizer.model',
        'chat_template.jinja',
        'model.safetensors',
        'pytorch_model.bin',
        'b.gguf',
        'onnx/model.onnx',
      ],
    ],
    ['config.json', 'tokenizer.json', 'chat_template.jinja', 'model.safetensors'],
  ],
  [
    'shards with their index, in place of pickled ones',
    [
      ...['config.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
      ...['pytorch_model.bin.index.json', ...shards('pytorch_model', 'bin', 2)],
    ],
    ['config.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
  ],
  [
    'the vocabulary that is read',
    ['config.json', 'tokenizer.model', 'vocab.json', 'merges.txt', 'model.safetensors'],
    ['config.json', 'tokenizer.model', 'model.safetensors'],
  ],
  [
    'both files of a vocabulary in two',
    ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'],
    ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors'],
  ],
  [
    'a tower in a folder of its own, as it is beside the model',
    [
      ...['config.json', 'model.safetensors', 'vit/README.md', 'vit/x/README.md', 'vit/x/config.json'],
      ...[
        'vit/x/preprocessor_config.json',
        'vit/x/pytorch_model.bin',
        'onnx/y/config.json',
        'onnx/y/model.safetensors',
      ],
    ],
    [
      ...['config.json', 'model.safetensors', 'vit/x/config.json', 'vit/x/preprocessor_config.json'],
      'vit/x/pytorch_model.bin',
    ],
  ],
  ['a GGUF file', ['README.md', 'b-q4.gguf'], ['b-q4.gguf']],
  ['the shards of a GGUF file', shards('b', 'gguf', 2), shards('b', 'gguf', 2)],
  [
    'pickled weights, when there are no others',
    ['config.json', 'pytorch_model.bin'],
    ['config.json', 'pytorch_model.bin'],
  ],
  [
    'what Meta publishes',
    ['README.md', 'LICENSE.txt', 'checklist.chk', 'consolidated.00.pth', 'params.json', 'tokenizer.model'],
    ['params.json', 'tokenizer.model', 'consolidated.00.pth'],
  ],
  [
    'what Mistral publishes',
    ['params.json', 'tokenizer.model.v3', 'consolidated.safetensors'],
    ['params.json', 'tokenizer.model.v3', 'consolidated.safetensors'],
  ],
  [
    'shards of Mistral',
    ['params.json', 'consolidated.safetensors.index.json', ...shards('consolidated', 'safetensors', 2)],
    ['params.json', 'consolidated.safetensors.index.json', ...shards('consolidated', 'safetensors', 2)],
  ],
  [
    'nothing of a folder of Meta’s files',
    [
      ...['config.json', 'tokenizer.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
      ...['original/consolidated.00.pth', 'original/params.json', 'original/tokenizer.model'],
    ],
    ['config.json', 'tokenizer.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
  ],
  [
    'nothing of Mistral’s own weights beside others',
    [
      ...['config.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
      ...[
        'consolidated.safetensors',
        'consolidated.safetensors.index.json',
        ...shards('consolidated', 'safetensors', 2),
      ],
    ],
    ['config.json', 'model.safetensors.index.json', ...shards('model', 'safetensors', 2)],
  ],
])('takes %s', (_, files, expected) => {
  expect(chosen(files)).toEqual(expected);
});

it('takes the weights that are named', () => {
  expect(chosen(['config.json', 'model.safetensors', 'q/b-q4.gguf'], 'q/b-q4.gguf')).toEqual([
    'config.json',
    'q/b-q4.gguf',
  ]);
  expect(() => chosen(['config.json', 'a.gguf'], 'b.gguf')).toThrow(/no file b\.gguf/);
  const cut = ['original/consolidated.00.pth', 'original/consolidated.01.pth'];
  expect(chosen(['config.json', ...cut.slice(0, 1)], cut[0])).toEqual(['config.json', cut[0]]);
  expect(() => chosen(['config.json', ...cut], cut[0])).toThrow(/a\/b are cut/);
});

it.each<[string, readonly string[], object]>([
  ['several versions', ['a-q4.gguf', 'a-q8.gguf'], { code: 'invalid_option', hint: /a-q4\.gguf, a-q8\.gguf/ }],
  [
    'weights that are cut for several devices',
    ['params.json', 'consolidated.00.pth', 'consolidated.01.pth'],
    { code: 'unsupported_model', message: /a\/b are cut/ },
  ],
  ['no weights', ['config.json', 'README.md'], { code: 'file_missing' }],
  ['an index without shards', ['config.json', 'model.safetensors.index.json'], { code: 'file_missing' }],
])('says what is wrong with %s', (_, files, error) => {
  expect.assertions(1);
  try {
    chosen(files);
  } catch (thrown) {
    expect(thrown).toMatchObject(error);
  }
});
