// Templates of real models: expected text where another implementation gave one, else that they render. What the Jinja library
// cannot do is listed here, so that an update of the library which changes that is seen.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWithFixtures } from '../testing/fixtures.js';
import { createChatTemplate, findChatTemplate, type TemplateMessage } from './chat-template.js';

/** The variables of a template, as transformers names them. */
interface Context {
  readonly messages: TemplateMessage[];
  readonly tools?: unknown[];
  readonly bos_token?: string;
  readonly eos_token?: string;
  readonly add_generation_prompt?: boolean;
  readonly [key: string]: unknown;
}

function render(template: string, context: Context, now: Date): string {
  const { messages, tools, bos_token, eos_token, add_generation_prompt = false, ...extra } = context;
  const options = {
    tools,
    bosToken: bos_token,
    eosToken: eos_token,
    addGenerationPrompt: add_generation_prompt,
    extra,
    now,
  };
  return createChatTemplate({ default: template }).render(messages, options);
}

describeWithFixtures('chat templates with expected text', 'fixtures/golden-chat-template/cases.json', (path) => {
  interface Case {
    readonly chat_template: string;
    readonly data: Context;
    readonly target: string;
  }
  const goldens: { now: string; default_templates: Record<string, Case>; custom_templates: Record<string, Case> } =
    JSON.parse(readFileSync(path, 'utf8'));
  // It opens the answer unless told not to, and its case does not say.
  const opensByDefault = ['ai21labs/AI21-Jamba-Large-1.6'];

  it.each(Object.entries({ ...goldens.default_templates, ...goldens.custom_templates }))('%s', (name, golden) => {
    const context = opensByDefault.includes(name) ? { add_generation_prompt: true, ...golden.data } : golden.data;
    expect(render(golden.chat_template, context, new Date(goldens.now))).toBe(golden.target);
  });
});

describeWithFixtures('chat templates that must render', 'fixtures/golden-chat-template', (folder) => {
  const contexts = ['simple', 'system', 'tool_use'];
  const readContext = (name: string): Context =>
    JSON.parse(readFileSync(`${folder}/minja-contexts/${name}.json`, 'utf8'));
  const { tools = [] } = readContext('tool_use');

  /** What a template wants besides the context. The first three are for tools only: Jinja fails without, too. */
  const needed: Record<string, Record<string, unknown>> = {
    'CohereForAI-c4ai-command-r-plus-tool_use': { tools },
    'NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use': { tools },
    'NousResearch-Hermes-3-Llama-3.1-8B-tool_use': { tools },
    // Jinja copes without, as it filters lazily.
    'meetkai-functionary-medium-v3.1': { tools },
    'fireworks-ai-llama-3-firefunction-v2': { functions: '[]', datetime: 'today' },
  };

  /** Templates that refuse a context, by their own rules. */
  const refusals: Record<string, string> = {
    'google-gemma-2-2b-it system': 'System role not supported',
    'google-gemma-2-2b-it tool_use': 'Conversation roles must alternate',
  };

  /** Templates that the library cannot run. */
  const unsupported: Record<string, string> = {
    'Apriel-1.6-15b-Thinker-fixed tool_use': 'Unknown ObjectValue filter: string',
    'ByteDance-Seed-OSS simple': 'Object keys must be strings',
    'ByteDance-Seed-OSS system': 'Object keys must be strings',
    'ByteDance-Seed-OSS tool_use': 'Object keys must be strings',
    // They call list.append, which the sandbox of transformers does not allow either.
    'Kimi-K2-Instruct tool_use': 'Cannot call something that is not a function',
    'Kimi-K2-Thinking tool_use': 'Cannot call something that is not a function',
    'meetkai-functionary-medium-v3.2 tool_use': 'Cannot unpack non-iterable type: TupleValue',
    'meta-llama-Llama-3.1-8B-Instruct tool_use': 'Unknown ArrayValue filter: reject',
    'meta-llama-Llama-3.3-70B-Instruct tool_use': 'Unknown ArrayValue filter: reject',
    'unsloth-Apriel-1.5 tool_use': 'Unknown ObjectValue filter: string',
  };

  const names = readdirSync(`${folder}/llama.cpp-templates`).map((file) => file.replace('.jinja', ''));
  it.each(names.flatMap((name) => contexts.map((context) => [name, context] as const)))(
    '%s %s',
    (name, contextName) => {
      const template = readFileSync(`${folder}/llama.cpp-templates/${name}.jinja`, 'utf8');
      const context = { ...readContext(contextName), ...needed[name] };
      const attempt = (): string => render(template, context, new Date(0));
      const key = `${name} ${contextName}`;
      const failure = refusals[key] ?? unsupported[key];
      if (failure) {
        const code = key in refusals ? 'invalid_request' : 'invalid_template';
        expect(attempt).toThrow(expect.objectContaining({ code, message: expect.stringContaining(failure) }));
      } else {
        const text = attempt();
        expect(text).not.toContain('[object');
        expect(text).toContain(contextName === 'tool_use' ? 'Test a tautology' : 'LLM framework');
      }
    },
  );
});

describeWithFixtures('chat templates in checkpoints', 'fixtures/tokenizers', (folder) => {
  const messages = [{ role: 'user', content: 'hello' }];
  const read = (path: string): string => readFileSync(`${folder}/${path}`, 'utf8');

  it.each([
    ['qwen/qwen2.5', '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n'],
    ['qwen/qwen3', '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n'],
    ['gemma', '<bos><start_of_turn>user\nhello<end_of_turn>\n<start_of_turn>model\n'],
    ['mistral-v1', '<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n'],
  ])('tokenizer_config.json of %s', (name, end) => {
    const template = createChatTemplate(
      findChatTemplate({ tokenizerConfigJson: read(`${name}/tokenizer_config.json`) }),
    );
    const prompt = template.render(messages, { bosToken: '<bos>' });
    expect(prompt.slice(-end.length)).toBe(end);
  });

  it('chat_template.jinja of smollm3, with its date and its switch', () => {
    const files = {
      chatTemplateJinja: read('smollm3/chat_template.jinja'),
      tokenizerConfigJson: read('smollm3/tokenizer_config.json'),
    };
    const template = createChatTemplate(findChatTemplate(files));
    const now = new Date(2025, 6, 10);
    expect(template.render(messages, { now })).toContain('Today Date: 10 July 2025');
    expect(template.render(messages, { now, extra: { enable_thinking: false } })).toContain(
      'Reasoning Mode: /no_think',
    );
  });
});
