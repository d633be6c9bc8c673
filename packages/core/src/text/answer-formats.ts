// How families write what is no plain answer: calls of tools, and thoughts before the answer. Formats are data with the names
// that servers know them by, chosen by the tokens of the vocabulary and the architecture, never by how a model is called.
// Reading an answer by them does not belong here.
import type { ModelTraits } from './builtin-templates.js';

/** How calls of tools stand in an answer. */
export interface ToolFormat {
  /** As vLLM's and LMDeploy's `--tool-call-parser` have it. */
  readonly name: string;
  /** What a call, or the list of all, begins with. */
  readonly start: string;
  /** And ends with; missing: the end of the answer. */
  readonly end?: string;
  /** One call as a JSON object, all of them as a JSON list, or a name and a JSON object apart. */
  readonly body: 'json' | 'json_list' | 'name_and_json';
  /** Key of the call's arguments; missing where they stand apart. */
  readonly argumentsKey?: 'arguments' | 'parameters';
}

/** How thoughts stand before an answer. Some templates write `start` themselves. */
export interface ReasoningFormat {
  /** As vLLM's and LMDeploy's `--reasoning-parser` have it. */
  readonly name: string;
  readonly start: string;
  readonly end: string;
}

/** What a model may write beside plain text. */
export interface AnswerFormats {
  readonly tools: ToolFormat | undefined;
  readonly reasoning: ReasoningFormat | undefined;
}

/** Who has a format: models whose vocabulary has all of the tokens, of a `model_type` that matches. */
interface Entry<Format> {
  readonly tokens: readonly string[];
  readonly modelType?: RegExp;
  readonly format: Format;
}

const DEEPSEEK_CALLS = ['<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>'] as const;

/** The first that matches counts: distilled models have their teacher's tokens beside those of their own vocabulary. */
const TOOLS: readonly Entry<ToolFormat>[] = [
  {
    tokens: DEEPSEEK_CALLS,
    format: { name: 'deepseek_v3', start: DEEPSEEK_CALLS[0], end: DEEPSEEK_CALLS[1], body: 'name_and_json' },
  },
  {
    tokens: ['<|action_start|>', '<|plugin|>', '<|action_end|>'],
    format: {
      name: 'internlm',
      start: '<|action_start|><|plugin|>',
      end: '<|action_end|>',
      body: 'json',
      argumentsKey: 'parameters',
    },
  },
  {
    tokens: ['[TOOL_CALLS]'],
    format: { name: 'mistral', start: '[TOOL_CALLS]', body: 'json_list', argumentsKey: 'arguments' },
  },
  {
    tokens: ['<|python_tag|>', '<|eom_id|>'],
    modelType: /^(llama|mllama)$/,
    format: { name: 'llama3_json', start: '<|python_tag|>', body: 'json', argumentsKey: 'parameters' },
  },
  {
    tokens: ['<|tool_call|>'],
    modelType: /^granite/,
    format: { name: 'granite', start: '<|tool_call|>', body: 'json_list', argumentsKey: 'arguments' },
  },
  {
    tokens: ['<|tool_call|>', '<|/tool_call|>'],
    modelType: /^phi/,
    format: {
      name: 'phi4_mini_json',
      start: '<|tool_call|>',
      end: '<|/tool_call|>',
      body: 'json_list',
      argumentsKey: 'arguments',
    },
  },
  {
    tokens: ['<tool_call>', '</tool_call>'],
    format: {
      name: 'hermes',
      start: '<tool_call>',
      end: '</tool_call>',
      body: 'json',
      argumentsKey: 'arguments',
    },
  },
];

const THINK = { start: '<think>', end: '</think>' } as const;

const REASONING: readonly Entry<ReasoningFormat>[] = [
  { tokens: ['<think>', '</think>', '<｜Assistant｜>'], format: { name: 'deepseek_r1', ...THINK } },
  // They can be told not to think.
  { tokens: ['<think>', '</think>'], modelType: /^(qwen3|smollm3)/, format: { name: 'qwen3', ...THINK } },
  { tokens: ['<think>', '</think>'], format: { name: 'deepseek_r1', ...THINK } },
  {
    tokens: ['<|start_of_role|>'],
    modelType: /^granite/,
    format: { name: 'granite', start: 'Here is my thought process:', end: 'Here is my response:' },
  },
];

/** The formats of a model. */
export function findAnswerFormats(traits: ModelTraits): AnswerFormats {
  const { modelType, languageModelType = modelType, tokenizer } = traits;
  const find = <Format>(table: readonly Entry<Format>[]): Format | undefined =>
    table.find(
      ({ tokens, modelType: pattern }) =>
        (pattern?.test(languageModelType) ?? true) && tokens.every((token) => tokenizer.tokenToId(token) !== undefined),
    )?.format;
  return { tools: find(TOOLS), reasoning: find(REASONING) };
}
