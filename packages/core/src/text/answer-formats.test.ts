// Formats of tools and thoughts: which model gets which, by its vocabulary and architecture.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWithFixtures } from '../testing/fixtures.js';
import { findAnswerFormats } from './answer-formats.js';
import type { Tokenizer } from './tokenizer.js';

/** Names of the formats of a model whose vocabulary has these tokens. */
function namesOf(modelType: string, tokens: readonly string[], languageModelType?: string) {
  const tokenToId = (token: string): number | undefined => (tokens.includes(token) ? 1 : undefined);
  const tokenizer = { tokenToId } as unknown as Tokenizer;
  const { tools, reasoning } = findAnswerFormats({ modelType, languageModelType, tokenizer });
  return [tools?.name, reasoning?.name];
}

const CALLS = ['<tool_call>', '</tool_call>'];
const THINK = ['<think>', '</think>'];
const DEEPSEEK = ['<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>', '<｜Assistant｜>'];
const LLAMA3 = ['<|python_tag|>', '<|eom_id|>'];

it.each([
  ['qwen2', CALLS, 'hermes', undefined],
  ['qwen2', [...CALLS, ...THINK], 'hermes', 'deepseek_r1'],
  ['qwen3', [...CALLS, ...THINK], 'hermes', 'qwen3'],
  ['smollm3', [...CALLS, ...THINK, ...LLAMA3], 'hermes', 'qwen3'],
  ['llama', LLAMA3, 'llama3_json', undefined],
  ['llama', [...LLAMA3, ...THINK, ...DEEPSEEK], 'deepseek_v3', 'deepseek_r1'],
  ['qwen2', [...CALLS, ...THINK, ...DEEPSEEK], 'deepseek_v3', 'deepseek_r1'],
  ['mistral', ['[TOOL_CALLS]'], 'mistral', undefined],
  ['internlm2', ['<|action_start|>', '<|plugin|>', '<|action_end|>'], 'internlm', undefined],
  ['granite', ['<|tool_call|>', '<|start_of_role|>'], 'granite', 'granite'],
  ['phi3', ['<|tool_call|>', '<|/tool_call|>'], 'phi4_mini_json', undefined],
  ['phi3', ['<|tool_call|>'], undefined, undefined],
  ['gpt2', [], undefined, undefined],
])('%s with %j: tools %s, thoughts %s', (modelType, tokens, tools, reasoning) => {
  expect(namesOf(modelType, tokens)).toEqual([tools, reasoning]);
});

it('looks at the language model of a model of several parts', () => {
  expect(namesOf('llava', LLAMA3, 'llama')).toEqual(['llama3_json', undefined]);
});

describeWithFixtures('formats of published models', 'fixtures/tokenizers', (folder) => {
  it.each([
    ['qwen2', 'qwen/qwen2.5', 'hermes', undefined],
    ['qwen3', 'qwen/qwen3', 'hermes', 'qwen3'],
    ['smollm3', 'smollm3', 'hermes', 'qwen3'],
  ])('%s', (modelType, path, tools, reasoning) => {
    const config = JSON.parse(readFileSync(`${folder}/${path}/tokenizer_config.json`, 'utf8'));
    const tokens = Object.values(config.added_tokens_decoder as Record<string, { content: string }>);
    expect(
      namesOf(
        modelType,
        tokens.map(({ content }) => content),
      ),
    ).toEqual([tools, reasoning]);
  });
});
