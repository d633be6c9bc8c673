// Prompts of a command line with images.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readArguments } from './arguments.js';
import { PROMPT_OPTIONS, readPrompt } from './prompt.js';

const folder = mkdtempSync(join(tmpdir(), 'pagemind-images-'));
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

afterAll(() => rmSync(folder, { recursive: true }));

describe('a prompt with images', () => {
  const cat = file('cat.png', '');
  const url = 'https://example.org/dog.png';
  const data = 'data:image/png;base64,AAAA';
  const prompt = (...args: string[]) => readPrompt(readArguments(args, PROMPT_OPTIONS, 0).values);
  const shown = [cat, url, data].map((image) => ({ type: 'image', image }));
  const images = ['--image', cat, '--image', url, `--image=${data}`];

  it('shows them before its text', async () => {
    const content = [...shown, { type: 'text', text: 'what?' }];
    expect(await prompt('--prompt', 'what?', ...images)).toEqual({
      kind: 'messages',
      messages: [{ role: 'user', content }],
    });
  });

  it('shows them with the last of several messages', async () => {
    const system = { role: 'system', content: 'brief' };
    const messages = file('messages.json', JSON.stringify([system, { role: 'user', content: 'what?' }]));
    expect(await prompt('--messages', messages, '--image', cat)).toEqual({
      kind: 'messages',
      messages: [system, { role: 'user', content: [shown[0], { type: 'text', text: 'what?' }] }],
    });
  });

  it('has them beside a text or ids that hold the places', async () => {
    const all = [cat, url, data];
    expect(await prompt('--prompt', '<image> a', '--raw', ...images)).toMatchObject({ kind: 'text', images: all });
    expect(await prompt('--input-ids', '1,5', ...images)).toEqual({ kind: 'tokens', ids: [1, 5], images: all });
  });

  it('stays a plain text without them', async () => {
    expect(await prompt('--prompt', 'a')).toEqual({ kind: 'messages', messages: [{ role: 'user', content: 'a' }] });
  });

  it('finds out that a file is missing', async () => {
    await expect(prompt('--prompt', 'a', '--image', '/nowhere/cat.png')).rejects.toThrow(
      /^\/nowhere\/cat\.png cannot be/,
    );
  });
});
