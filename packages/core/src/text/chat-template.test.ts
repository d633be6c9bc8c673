// Finding a template, rendering it, the clock, whose fault an error is, and the bounds on a hostile template.
import { expect, it } from 'vitest';
import { createChatTemplate, findChatTemplate, type RenderOptions, type TemplateMessage } from './chat-template.js';
import { parseJinja } from './jinja.js';

const NOW = new Date(2025, 6, 5, 15, 4, 9);
const HELLO: TemplateMessage[] = [{ role: 'user', content: 'hello' }];

function render(template: string, messages: TemplateMessage[] = HELLO, options: RenderOptions = {}): string {
  return createChatTemplate({ default: template }).render(messages, { now: NOW, ...options });
}

it('prefers chat_template.jinja, then tokenizer_config.json, then chat_template.json', () => {
  const config = (template: unknown): string => JSON.stringify({ chat_template: template });
  const files = { chatTemplateJinja: 'a', tokenizerConfigJson: config('b'), chatTemplateJson: config('c') };
  expect(findChatTemplate(files)).toEqual({ default: 'a' });
  expect(findChatTemplate({ ...files, chatTemplateJinja: undefined })).toEqual({ default: 'b' });
  expect(findChatTemplate({ tokenizerConfigJson: config(null), chatTemplateJson: config('c') })).toEqual({
    default: 'c',
  });
  expect(findChatTemplate({ tokenizerConfigJson: '{}' })).toBeUndefined();
  expect(findChatTemplate({})).toBeUndefined();
});

it('takes the named templates of a list, and the one for tools when there are tools', () => {
  const list = [
    { name: 'default', template: 'plain' },
    { name: 'tool_use', template: '{{ tools | length }} tools' },
    { name: 'rag', template: 'unused' },
  ];
  const source = findChatTemplate({ tokenizerConfigJson: JSON.stringify({ chat_template: list }) });
  expect(source).toEqual({ default: 'plain', toolUse: '{{ tools | length }} tools' });
  const template = createChatTemplate(source);
  expect(template.render(HELLO)).toBe('plain');
  expect(template.render(HELLO, { tools: [] })).toBe('plain');
  expect(template.render(HELLO, { tools: [{}, {}] })).toBe('2 tools');
});

it.each(['{', '[]', '{"chat_template":7}', '{"chat_template":[{"name":"rag","template":"x"}]}'])(
  'refuses tokenizer_config.json with %s',
  (json) => {
    expect(() => findChatTemplate({ tokenizerConfigJson: json })).toThrow(
      expect.objectContaining({ code: 'invalid_template', hint: expect.any(String) }),
    );
  },
);

it('joins the contents by newlines where a model has no template', () => {
  const template = createChatTemplate(undefined);
  expect(template.needsSpecialTokens).toBe(true);
  const parts = [{ type: 'text', text: 'b' }, { type: 'image' }, { type: 'text', text: 'c' }];
  expect(
    template.render([
      { role: 'system', content: 'a' },
      { role: 'user', content: parts },
    ]),
  ).toBe('a\nbc');
  expect(template.render([])).toBe('');
});

it('gives the template messages, tokens, options and kwargs, which replace none of these', () => {
  const template =
    '{{ bos_token }}{{ messages[0].content }}{{ add_generation_prompt }}{{ eos_token }}{{ extra }}{{ tools is none }}';
  const extra = { extra: 7, bos_token: 'no', messages: [], add_generation_prompt: 'no' };
  expect(render(template, HELLO, { bosToken: '<s>', eosToken: '</s>', extra })).toBe('<s>hellotrue</s>7true');
  expect(render('{% if not add_generation_prompt %}x{% endif %}', HELLO, { addGenerationPrompt: false })).toBe('x');
  expect(render('[{{ bos_token + eos_token }}]')).toBe('[]');
});

it('trims blocks as transformers does', () => {
  expect(render('  {% if true %}\nx\n  {% endif %}\ny')).toBe('x\ny');
});

it('tells the time that it is given', () => {
  const every = '%Y-%m-%d %H:%M:%S %y %b %B %a %A %I %p %j %-d %-m %% %Q';
  expect(render(`{{ strftime_now('${every}') }}`)).toBe(
    '2025-07-05 15:04:09 25 Jul July Sat Saturday 03 PM 186 5 7 % %Q',
  );
});

it('gives templates the arguments of tool calls as objects, and as text to those that join text', () => {
  const text = '{"a": [1, "é"]}';
  const call = { type: 'function', function: { name: 'f', arguments: text } };
  const messages = [{ role: 'assistant', content: null, tool_calls: [call] }];
  const read = (filter: string): string => `{{ messages[0].tool_calls[0].function.arguments ${filter} }}`;
  expect(render(read('| tojson'), messages)).toBe('{"a": [1, "é"]}');
  expect(
    render('{% for k, v in messages[0].tool_calls[0].function.arguments.items() %}{{ k }}{% endfor %}', messages),
  ).toBe('a');
  expect(render(`{{ 'call: ' ~ messages[0].tool_calls[0].function.arguments }}`, messages)).toBe(`call: ${text}`);
  expect(call.function.arguments).toBe(text);
  const odd = [
    {
      role: 'assistant',
      tool_calls: [{ function: { arguments: 'not json' } }, null, { function: { arguments: '[1]' } }],
    },
  ];
  expect(render('{{ messages[0].tool_calls[0].function.arguments }}', odd)).toBe('not json');
});

it('passes on what the template says when it refuses the messages', () => {
  expect(() => render("{{ raise_exception('Only user, please') }}")).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('Only user, please') }),
  );
});

it.each([
  '{% if %}',
  '{% for x in %}',
  '{{ ',
  '{% unknown %}',
  `${'('.repeat(100_000)}`.replace(/^/, '{{ '),
  'x'.repeat(1_000_001),
])('refuses a template that cannot be parsed (%#)', (template) => {
  expect(() => createChatTemplate({ default: template })).toThrow(
    expect.objectContaining({ code: 'invalid_template', hint: expect.any(String) }),
  );
});

it.each([
  '{{ messages | nonsense }}',
  '{{ nobody() }}',
  '{{ 1 + nothing }}',
  '{% for x in 7 %}{% endfor %}',
  '{{ ([] | first) + 1 }}',
])('says that the template failed: %s', (template) => {
  expect(() => render(template)).toThrow(expect.objectContaining({ code: 'invalid_template' }));
});

it('blames the request for values that are no data', () => {
  expect(() => render('x', [{ role: 'user', content: 1n }])).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
  expect(() => render('x', HELLO, { extra: { namespace: 1 } })).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
});

it('ranges as Python does', () => {
  expect(render('{{ range(3) }}{{ range(1, 4) }}{{ range(5, 0, -2) }}{{ range(2, 2) }}')).toBe(
    '[0, 1, 2][1, 2, 3][5, 3, 1][]',
  );
});

it.each([
  ['a range without end', '{{ range(1000000000) }}'],
  ['a range without step', '{{ range(0, 5, 0) }}'],
  ['a range of nothing', '{{ range(nothing) }}'],
  [
    'loops in loops',
    '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}',
  ],
  [
    'empty loops in loops',
    '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
  ],
  ['recursion', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
  [
    'branching recursion',
    '{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(100) }}',
  ],
  [
    'a string that doubles',
    "{% set n = namespace(s='xx') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
  ],
  [
    'a list that doubles',
    '{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = n.l + n.l %}{% endfor %}',
  ],
])('stops %s', (_, template) => {
  const limits = { maxMs: 200, maxChars: 1 << 20, maxItems: 10_000 };
  expect(() => parseJinja(template, limits).render({}, NOW)).toThrow(
    expect.objectContaining({ code: 'invalid_template' }),
  );
});

it('keeps messages out of Object.prototype', () => {
  const message = JSON.parse('{"role":"user","content":"a","__proto__":{"polluted":1}}');
  expect(render("{{ messages[0]['__proto__'].polluted }}{{ messages[0].constructor }}", [message])).toBe('1');
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
});
