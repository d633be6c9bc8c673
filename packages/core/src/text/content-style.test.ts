// Templates of vision-language models are asked how they want images; both kinds exist on the hub.
import { describe, expect, it } from 'vitest';
import { createChatTemplate } from './chat-template.js';
import { contentStyleOf } from './content-style.js';

const PARTS = `{% for message in messages %}{{ message.role }}: {% for part in message.content %}{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}
{% endfor %}`;
const BY_FILTER = `{% for message in messages %}{{ message['role'] }}: {% for content in message['content'] | selectattr('type', 'equalto', 'image') %}<image>{% endfor %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}{% endfor %}`;
const TEXT = `{% for message in messages %}{{ message.role + ': ' + message.content }}{% endfor %}`;
const PRINTING = `{% for message in messages %}{{ message.role }}: {{ message.content }}{% endfor %}`;
const OTHER_MARKER = PARTS.replace('<image>', '<picture>');

describe('contentStyleOf', () => {
  it.each([
    ['goes through the parts', PARTS, 'parts'],
    ['filters the parts', BY_FILTER, 'parts'],
    ['joins the content to a string', TEXT, 'text'],
    ['prints the content', PRINTING, 'text'],
    ['has a marker that is no token of the model', OTHER_MARKER, 'text'],
  ])('a template that %s', (_what, source, style) => {
    expect(contentStyleOf(createChatTemplate({ default: source }), '<image>')).toBe(style);
  });

  it('no template at all', () => {
    expect(contentStyleOf(createChatTemplate(undefined), '<image>')).toBe('text');
  });
});
