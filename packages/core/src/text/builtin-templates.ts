// Chat templates of families whose checkpoints came without one, chosen by what the model is and which tokens it has, never by
// how it is called. Long system texts of those families are not among them: the caller's system message takes their place.
import type { ChatTemplateSource } from './chat-template.js';
import type { Tokenizer } from './tokenizer.js';

/** What a template is chosen by. */
export interface ModelTraits {
  /** `model_type` of config.json, and that of its language model where it is one of several parts. */
  readonly modelType: string;
  readonly languageModelType?: string | undefined;
  /** `mm_projector_type` of config.json, where images pass one. */
  readonly projectorType?: string | undefined;
  readonly tokenizer: Tokenizer;
}

type CompleteTraits = ModelTraits & { readonly languageModelType: string };

/** A template and the tokens that end an answer in it. */
export interface BuiltinTemplate {
  /** As LMDeploy calls it. */
  readonly name: string;
  readonly source: ChatTemplateSource;
  readonly stopTokens: readonly string[];
}

/** What stands before and behind the text of a message. */
type Around = readonly [before: string, behind: string];

interface Frame {
  /** Of a system message at the start. `insideUser`: it begins the text of the first user message. */
  readonly system: Around;
  readonly insideUser?: boolean;
  readonly user: Around;
  readonly assistant: Around;
  /** The system message when there is none. */
  readonly defaultSystem?: string;
  /** The frame says itself where BOS stands. */
  readonly bringsBos?: boolean;
}

interface Entry {
  readonly name: string;
  matches(traits: CompleteTraits): boolean;
  frame(tokenizer: Tokenizer): Frame | string;
  /** Missing: EOS alone. */
  stopTokens?(tokenizer: Tokenizer): readonly string[];
}

/** The two marks of ChatML. */
function chatml(defaultSystem?: string, start = '<|im_start|>', end = '<|im_end|>'): Frame {
  const around = (role: string): Around => [`${start}${role}\n`, `${end}\n`];
  const frame = { system: around('system'), user: around('user'), assistant: around('assistant') };
  return defaultSystem === undefined ? frame : { ...frame, defaultSystem };
}

const LLAMA2: Frame = {
  system: ['<<SYS>>\n', '\n<</SYS>>\n\n'],
  insideUser: true,
  user: ['<s>[INST] ', ' [/INST] '],
  assistant: ['', '</s>'],
  bringsBos: true,
};

const END_OF_SENTENCE = '<｜end▁of▁sentence｜>';

const DEEPSEEK: Frame = {
  system: ['', '\n\n'],
  user: ['User: ', '\n\n'],
  assistant: ['Assistant: ', END_OF_SENTENCE],
};

/** Rounds are counted, and a round is a question with its answer. */
const CHATGLM2: string = [
  '{% set ns = namespace(round=0) %}{% for message in messages %}',
  `{% if message.role == 'system' %}{{ message.content + "\\n\\n" }}`,
  `{% elif message.role == 'user' %}{% set ns.round = ns.round + 1 %}`,
  `{{ "[Round " ~ ns.round ~ "]\\n\\n问：" + message.content + "\\n\\n" }}`,
  `{% elif message.role == 'assistant' %}{{ "答：" + message.content + "\\n\\n" }}`,
  '{% else %}{{ raise_exception("There is no place for the role " + message.role) }}{% endif %}',
  '{% endfor %}{% if add_generation_prompt %}{{ "答：" }}{% endif %}',
].join('');

/** What comes behind the last question ends without a space, which answers begin with. */
const YI_VL: string = [
  `{% for message in messages %}{% if message.role == 'user' %}{{ "### Human: " + message.content + "\\n" }}`,
  `{% elif message.role == 'assistant' %}{{ "### Assistant: " + message.content.strip() + "\\n" }}`,
  `{% elif message.role == 'system' and loop.first %}{{ message.content + "\\n\\n" }}`,
  '{% else %}{{ raise_exception("There is no place for the role " + message.role) }}{% endif %}',
  '{% endfor %}{% if add_generation_prompt %}{{ "### Assistant:" }}{% endif %}',
].join('');

/** InternLM2 as it was trained, for vocabularies in which its marks have no names yet. */
const INTERNLM2_UNNAMED: Around = ['[UNUSED_TOKEN_146]', '[UNUSED_TOKEN_145]'];

/** Ids of tokens without a name with which XComposer ends a question and an answer. */
const XCOMPOSER_ENDS = [103_027, 103_028] as const;

const has = ({ tokenizer }: ModelTraits, token: string): boolean => tokenizer.tokenToId(token) !== undefined;
const hasChatml = (traits: ModelTraits): boolean => has(traits, '<|im_start|>') && has(traits, '<|im_end|>');

/** Llama's and Llama 2's vocabulary of 32000, to which others have added a few. */
function hasLlamaVocabulary({ tokenizer }: ModelTraits): boolean {
  return tokenizer.tokenToId('</s>') === 2 && tokenizer.tokenToId('▁the') === 278 && tokenizer.vocabSize < 32_100;
}

/** The first that matches counts. Falcon is not here: it was trained on plain text, which is what no template gives. */
const TABLE: readonly Entry[] = [
  {
    name: 'deepseek-vl',
    matches: ({ modelType }) => ['deepseek_vl', 'deepseek_vl_hybrid', 'multi_modality'].includes(modelType),
    frame: () => ({
      ...DEEPSEEK,
      defaultSystem:
        'You are a helpful language and vision assistant. You are able to understand the visual content that the user ' +
        'provides, and assist the user with a variety of tasks using natural language.',
    }),
    stopTokens: () => [END_OF_SENTENCE],
  },
  {
    name: 'deepseek',
    matches: (traits) => ['deepseek', 'llama'].includes(traits.languageModelType) && has(traits, END_OF_SENTENCE),
    frame: () => DEEPSEEK,
    stopTokens: () => [END_OF_SENTENCE],
  },
  {
    name: 'internlm2',
    matches: (traits) =>
      traits.languageModelType === 'internlm2' && (hasChatml(traits) || has(traits, INTERNLM2_UNNAMED[0])),
    frame: (tokenizer) =>
      tokenizer.tokenToId('<|im_start|>') === undefined ? chatml(undefined, ...INTERNLM2_UNNAMED) : chatml(),
    stopTokens: () => ['<|im_end|>', '<|action_end|>', INTERNLM2_UNNAMED[1]],
  },
  {
    name: 'internlm-xcomposer',
    matches: ({ modelType, tokenizer }) =>
      modelType.toLowerCase() === 'internlmxcomposer' && tokenizer.vocabSize > XCOMPOSER_ENDS[1],
    frame: (tokenizer) => {
      const [question, answer] = XCOMPOSER_ENDS.map((id) => tokenizer.decode([id]));
      return { system: ['', '\n'], user: [' <|User|>:', `\n${question}`], assistant: [' <|Bot|>:', `${answer}\n`] };
    },
    stopTokens: (tokenizer) => XCOMPOSER_ENDS.map((id) => tokenizer.decode([id])),
  },
  {
    name: 'internlm',
    matches: (traits) => traits.languageModelType === 'internlm' && has(traits, '<eoa>'),
    frame: () => ({
      system: ['<|System|>:', '\n'],
      user: ['<|User|>:', '\n'],
      assistant: ['<|Bot|>:', '<eoa>\n'],
    }),
    stopTokens: () => ['<eoa>'],
  },
  {
    name: 'qwen',
    matches: (traits) => /^qwen/.test(traits.languageModelType) && hasChatml(traits),
    frame: () => chatml('You are a helpful assistant.'),
    stopTokens: () => ['<|im_end|>', '<|endoftext|>'],
  },
  {
    name: 'yi-vl',
    matches: (traits) => traits.projectorType === 'mlp2x_gelu_Norm' && has(traits, '###'),
    frame: () => YI_VL,
    stopTokens: () => ['###'],
  },
  {
    name: 'yi',
    matches: (traits) =>
      traits.languageModelType === 'llama' && traits.tokenizer.vocabSize >= 64_000 && hasChatml(traits),
    frame: () => chatml(),
    stopTokens: () => ['<|im_end|>', '<|endoftext|>'],
  },
  {
    name: 'dbrx',
    matches: (traits) => traits.languageModelType === 'dbrx' && hasChatml(traits),
    frame: () => chatml(),
    stopTokens: () => ['<|im_end|>'],
  },
  {
    name: 'baichuan2',
    matches: (traits) =>
      traits.languageModelType === 'baichuan' && traits.tokenizer.tokenToId('<reserved_106>') === 195,
    frame: () => ({ system: ['', ''], user: ['<reserved_106>', ''], assistant: ['<reserved_107>', ''] }),
  },
  {
    name: 'chatglm2',
    matches: (traits) => traits.languageModelType === 'chatglm' && has(traits, '[gMASK]'),
    frame: () => CHATGLM2,
  },
  {
    name: 'gemma',
    matches: (traits) => /^gemma/.test(traits.languageModelType) && has(traits, '<start_of_turn>'),
    frame: () => ({
      system: ['', '\n\n'],
      insideUser: true,
      user: ['<start_of_turn>user\n', '<end_of_turn>\n'],
      assistant: ['<start_of_turn>model\n', '<end_of_turn>\n'],
    }),
    stopTokens: () => ['<end_of_turn>'],
  },
  {
    name: 'mistral',
    matches: (traits) => ['mistral', 'mixtral'].includes(traits.languageModelType) && has(traits, '</s>'),
    frame: (tokenizer) => ({
      system: ['', '\n\n'],
      insideUser: true,
      // Where the marks are tokens (version 3), a text behind one begins as if it stood alone.
      user: tokenizer.tokenToId('[INST]') === undefined ? ['[INST] ', ' [/INST]'] : ['[INST]', '[/INST]'],
      assistant: ['', '</s>'],
    }),
    stopTokens: () => ['</s>'],
  },
  {
    name: 'llama3',
    matches: (traits) => traits.languageModelType === 'llama' && has(traits, '<|start_header_id|>'),
    frame: () => {
      const around = (role: string): Around => [`<|start_header_id|>${role}<|end_header_id|>\n\n`, '<|eot_id|>'];
      return { system: around('system'), user: around('user'), assistant: around('assistant') };
    },
    stopTokens: () => ['<|eot_id|>', '<|eom_id|>'],
  },
  {
    name: 'vicuna',
    matches: (traits) => /^llava/.test(traits.modelType) && hasLlamaVocabulary(traits),
    frame: () => ({
      system: ['', ' '],
      user: ['USER: ', ' '],
      assistant: ['ASSISTANT: ', '</s>'],
      defaultSystem:
        'A chat between a curious user and an artificial intelligence assistant. ' +
        "The assistant gives helpful, detailed, and polite answers to the user's questions.",
    }),
    stopTokens: () => ['</s>'],
  },
  {
    name: 'codellama',
    matches: (traits) => traits.languageModelType === 'llama' && hasLlamaVocabulary(traits) && has(traits, '▁<PRE>'),
    frame: () => LLAMA2,
    stopTokens: () => ['</s>', '▁<EOT>'],
  },
  {
    name: 'llama2',
    matches: (traits) => traits.languageModelType === 'llama' && hasLlamaVocabulary(traits),
    frame: () => LLAMA2,
    stopTokens: () => ['</s>'],
  },
];

/** The template of a model whose checkpoint brings none; undefined for models that are not known to chat. */
export function findBuiltinTemplate(traits: ModelTraits): BuiltinTemplate | undefined {
  const complete = { ...traits, languageModelType: traits.languageModelType ?? traits.modelType };
  const entry = TABLE.find(({ matches }) => matches(complete));
  if (!entry) return undefined;
  const frame = entry.frame(traits.tokenizer);
  const source =
    typeof frame === 'string'
      ? { default: frame, needsSpecialTokens: true }
      : { default: frameTemplate(frame), needsSpecialTokens: !frame.bringsBos };
  return { name: entry.name, source, stopTokens: entry.stopTokens?.(traits.tokenizer) ?? [] };
}

/** The Jinja of a frame. Literals stand in expressions, since a line end behind a tag would be trimmed. */
function frameTemplate({ system, insideUser, user, assistant, defaultSystem }: Frame): string {
  const text = (literal: string): string => JSON.stringify(literal);
  const around = ([before, behind]: Around): string => `{{ ${text(before)} + message.content + ${text(behind)} }}`;
  const given = `messages[0].content if messages[0].role == 'system' else ${text(defaultSystem ?? '')}`;
  const opening = `(${text(system[0])} + system + ${text(system[1])} if system else '')`;
  const firstUser = `{{ ${text(user[0])} + (${opening} if ns.isFirst else '') + message.content + ${text(user[1])} }}{% set ns.isFirst = false %}`;
  return [
    `{% set system = ${given} %}{% set ns = namespace(isFirst=true) %}`,
    insideUser ? '' : `{{ ${opening} }}`,
    `{% for message in messages %}{% if message.role == 'user' %}${insideUser ? firstUser : around(user)}`,
    `{% elif message.role == 'assistant' %}${around(assistant)}`,
    `{% elif message.role != 'system' or not loop.first %}{{ raise_exception('There is no place for the role ' + message.role) }}`,
    `{% endif %}{% endfor %}{% if add_generation_prompt %}{{ ${text(assistant[0])} }}{% endif %}`,
  ].join('');
}
