// The built-in chat templates: which model gets which, what a conversation looks like in it, and what ends an answer.
import { expect, it } from 'vitest';
import { PagemindError } from '../errors.js';
import { findBuiltinTemplate, type ModelTraits } from './builtin-templates.js';
import { createChatTemplate } from './chat-template.js';
import type { Tokenizer } from './tokenizer.js';

/** A vocabulary of which only what templates look at is known. */
function vocabulary(tokens: Readonly<Record<string, number>>, vocabSize = 50_000): Tokenizer {
  return {
    vocabSize,
    tokenToId: (token: string) => tokens[token],
    decode: (ids: readonly number[]) => ids.map((id) => `<${id}>`).join(''),
  } as unknown as Tokenizer;
}

const CHATML = { '<|im_start|>': 5, '<|im_end|>': 6 };
const LLAMA = { '<s>': 1, '</s>': 2, '▁the': 278 };
const DEEPSEEK = { '<｜end▁of▁sentence｜>': 100_001 };

const TURNS = [
  { role: 'user', content: 'A' },
  { role: 'assistant', content: 'B' },
  { role: 'user', content: 'C' },
];
const CASES: readonly {
  readonly name: string;
  readonly traits: ModelTraits;
  readonly turns: string;
  /** With the system message S. */
  readonly withSystem: string;
  readonly stops: readonly string[];
}[] = [
  {
    name: 'llama2',
    traits: { modelType: 'llama', tokenizer: vocabulary(LLAMA, 32_000) },
    turns: '<s>[INST] A [/INST] B</s><s>[INST] C [/INST] ',
    withSystem: '<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] ',
    stops: ['</s>'],
  },
  {
    name: 'codellama',
    traits: { modelType: 'llama', tokenizer: vocabulary({ ...LLAMA, '▁<PRE>': 32_007 }, 32_016) },
    turns: '<s>[INST] A [/INST] B</s><s>[INST] C [/INST] ',
    withSystem: '<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] ',
    stops: ['</s>', '▁<EOT>'],
  },
  {
    name: 'vicuna',
    traits: { modelType: 'llava', languageModelType: 'llama', tokenizer: vocabulary(LLAMA, 32_002) },
    turns:
      'A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, ' +
      "and polite answers to the user's questions. USER: A ASSISTANT: B</s>USER: C ASSISTANT: ",
    withSystem: 'S USER: A ASSISTANT: ',
    stops: ['</s>'],
  },
  {
    name: 'internlm',
    traits: { modelType: 'internlm', tokenizer: vocabulary({ '<eoa>': 103_166 }, 103_168) },
    turns: '<|User|>:A\n<|Bot|>:B<eoa>\n<|User|>:C\n<|Bot|>:',
    withSystem: '<|System|>:S\n<|User|>:A\n<|Bot|>:',
    stops: ['<eoa>'],
  },
  {
    name: 'internlm2',
    traits: { modelType: 'internlm2', tokenizer: vocabulary(CHATML) },
    turns:
      '<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n',
    withSystem: '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n',
    stops: ['<|im_end|>', '<|action_end|>', '[UNUSED_TOKEN_145]'],
  },
  {
    name: 'internlm2',
    traits: { modelType: 'internlm2', tokenizer: vocabulary({ '[UNUSED_TOKEN_146]': 92_543 }) },
    turns:
      '[UNUSED_TOKEN_146]user\nA[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\nB[UNUSED_TOKEN_145]\n' +
      '[UNUSED_TOKEN_146]user\nC[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n',
    withSystem:
      '[UNUSED_TOKEN_146]system\nS[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]user\nA[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n',
    stops: ['<|im_end|>', '<|action_end|>', '[UNUSED_TOKEN_145]'],
  },
  {
    name: 'internlm-xcomposer',
    traits: { modelType: 'InternLMXComposer', tokenizer: vocabulary({}, 103_168) },
    turns: ' <|User|>:A\n<103027> <|Bot|>:B<103028>\n <|User|>:C\n<103027> <|Bot|>:',
    withSystem: 'S\n <|User|>:A\n<103027> <|Bot|>:',
    stops: ['<103027>', '<103028>'],
  },
  {
    name: 'qwen',
    traits: { modelType: 'qwen', tokenizer: vocabulary(CHATML) },
    turns:
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nA<|im_end|>\n' +
      '<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n',
    withSystem: '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n',
    stops: ['<|im_end|>', '<|endoftext|>'],
  },
  {
    name: 'yi',
    traits: { modelType: 'llama', tokenizer: vocabulary(CHATML, 64_000) },
    turns:
      '<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n',
    withSystem: '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n',
    stops: ['<|im_end|>', '<|endoftext|>'],
  },
  {
    name: 'yi-vl',
    traits: {
      ...{ modelType: 'llava', languageModelType: 'llama', projectorType: 'mlp2x_gelu_Norm' },
      tokenizer: vocabulary({ ...CHATML, '###': 8308 }, 64_000),
    },
    turns: '### Human: A\n### Assistant: B\n### Human: C\n### Assistant:',
    withSystem: 'S\n\n### Human: A\n### Assistant:',
    stops: ['###'],
  },
  {
    name: 'dbrx',
    traits: { modelType: 'dbrx', tokenizer: vocabulary(CHATML) },
    turns:
      '<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n',
    withSystem: '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n',
    stops: ['<|im_end|>'],
  },
  {
    name: 'baichuan2',
    traits: { modelType: 'baichuan', tokenizer: vocabulary({ '<reserved_106>': 195 }, 125_696) },
    turns: '<reserved_106>A<reserved_107>B<reserved_106>C<reserved_107>',
    withSystem: 'S<reserved_106>A<reserved_107>',
    stops: [],
  },
  {
    name: 'chatglm2',
    traits: { modelType: 'chatglm', tokenizer: vocabulary({ '[gMASK]': 64_790 }, 64_794) },
    turns: '[Round 1]\n\n问：A\n\n答：B\n\n[Round 2]\n\n问：C\n\n答：',
    withSystem: 'S\n\n[Round 1]\n\n问：A\n\n答：',
    stops: [],
  },
  {
    name: 'mistral',
    traits: { modelType: 'mixtral', tokenizer: vocabulary({ '</s>': 2 }) },
    turns: '[INST] A [/INST]B</s>[INST] C [/INST]',
    withSystem: '[INST] S\n\nA [/INST]',
    stops: ['</s>'],
  },
  {
    name: 'mistral',
    traits: { modelType: 'mistral', tokenizer: vocabulary({ '</s>': 2, '[INST]': 3 }) },
    turns: '[INST]A[/INST]B</s>[INST]C[/INST]',
    withSystem: '[INST]S\n\nA[/INST]',
    stops: ['</s>'],
  },
  {
    name: 'gemma',
    traits: { modelType: 'gemma', tokenizer: vocabulary({ '<start_of_turn>': 106 }) },
    turns:
      '<start_of_turn>user\nA<end_of_turn>\n<start_of_turn>model\nB<end_of_turn>\n' +
      '<start_of_turn>user\nC<end_of_turn>\n<start_of_turn>model\n',
    withSystem: '<start_of_turn>user\nS\n\nA<end_of_turn>\n<start_of_turn>model\n',
    stops: ['<end_of_turn>'],
  },
  {
    name: 'deepseek',
    traits: { modelType: 'deepseek', tokenizer: vocabulary(DEEPSEEK) },
    turns: 'User: A\n\nAssistant: B<｜end▁of▁sentence｜>User: C\n\nAssistant: ',
    withSystem: 'S\n\nUser: A\n\nAssistant: ',
    stops: ['<｜end▁of▁sentence｜>'],
  },
  {
    name: 'deepseek-vl',
    traits: { modelType: 'multi_modality', languageModelType: 'llama', tokenizer: vocabulary(DEEPSEEK) },
    turns:
      'You are a helpful language and vision assistant. You are able to understand the visual content that the user ' +
      'provides, and assist the user with a variety of tasks using natural language.\n\n' +
      'User: A\n\nAssistant: B<｜end▁of▁sentence｜>User: C\n\nAssistant: ',
    withSystem: 'S\n\nUser: A\n\nAssistant: ',
    stops: ['<｜end▁of▁sentence｜>'],
  },
  {
    name: 'llama3',
    traits: { modelType: 'llama', tokenizer: vocabulary({ '<|start_header_id|>': 128_006 }, 128_256) },
    turns:
      '<|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>' +
      '<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    withSystem:
      '<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>' +
      '<|start_header_id|>assistant<|end_header_id|>\n\n',
    stops: ['<|eot_id|>', '<|eom_id|>'],
  },
];

it.each(CASES)('$name', ({ name, traits, turns, withSystem, stops }) => {
  const builtin = findBuiltinTemplate(traits);
  expect([builtin?.name, builtin?.stopTokens]).toEqual([name, stops]);
  const template = createChatTemplate(builtin?.source);
  expect(template.needsSpecialTokens).toBe(!turns.startsWith('<s>'));
  expect(template.render(TURNS)).toBe(turns);
  expect(
    template.render([
      { role: 'system', content: 'S' },
      { role: 'user', content: 'A' },
    ]),
  ).toBe(withSystem);
  // A conversation that goes on begins with what was there.
  const soFar = template.render(TURNS.slice(0, 2), { addGenerationPrompt: false });
  expect(turns.startsWith(soFar)).toBe(true);
  expect(soFar).not.toBe(turns);
});

it('refuses roles that a family has no place for', () => {
  const { source } = findBuiltinTemplate({ modelType: 'qwen2', tokenizer: vocabulary(CHATML) }) ?? {};
  const render = (): string => createChatTemplate(source).render([...TURNS, { role: 'tool', content: '{}' }]);
  expect(render).toThrow(PagemindError);
  expect(render).toThrow(/no place for the role tool/);
});

it.each<readonly [string, ModelTraits]>([
  ['a Llama with another vocabulary', { modelType: 'llama', tokenizer: vocabulary({ '</s>': 2 }, 2048) }],
  ['a base model of InternLM', { modelType: 'internlm', tokenizer: vocabulary({}, 103_168) }],
  ['Baichuan 1', { modelType: 'baichuan', tokenizer: vocabulary({}, 64_000) }],
  ['Falcon', { modelType: 'falcon', tokenizer: vocabulary({}, 65_024) }],
  ['an unknown family', { modelType: 'mystery', tokenizer: vocabulary({ ...CHATML, ...LLAMA }, 32_000) }],
])('has none for %s', (_, traits) => {
  expect(findBuiltinTemplate(traits)).toBeUndefined();
});

it('tells the parts of models of text and images apart', () => {
  const name = (languageModelType: string, tokens: Record<string, number>, size?: number): string | undefined =>
    findBuiltinTemplate({ modelType: 'llava_next', languageModelType, tokenizer: vocabulary(tokens, size) })?.name;
  expect(name('llama', LLAMA, 32_064)).toBe('vicuna');
  expect(name('mistral', LLAMA, 32_064)).toBe('mistral');
  expect(name('llama', CHATML, 64_064)).toBe('yi');
  expect(name('qwen2', CHATML)).toBe('qwen');
});
