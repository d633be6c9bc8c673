// `pagemind chat`: a conversation in the terminal. An empty line sends, `exit` leaves, `end` starts over.
import { createInterface } from 'node:readline';
import type { ChatMessage } from '@pagemind/core/node';
import { PagemindError } from '@pagemind/core/node';
import { engineOptions, generationOptions, MODEL_OPTIONS, readArguments, SAMPLING_OPTIONS } from '../arguments.js';
import { withEngine } from '../open-engine.js';

const OPTIONS = { ...MODEL_OPTIONS, ...SAMPLING_OPTIONS } as const;

export async function chat(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const request = generationOptions(values);
  await withEngine(positionals[0] ?? '', engineOptions(values), async (engine) => {
    const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
    let answering: AbortController | undefined;
    terminal.on('SIGINT', () => (answering ? answering.abort() : terminal.close()));
    let messages: ChatMessage[] = [];
    for await (const input of paragraphs(terminal)) {
      if (input === 'exit') break;
      if (input === 'end') {
        messages = [];
        process.stdout.write('(new conversation)\n');
        continue;
      }
      messages.push({ role: 'user', content: input });
      answering = new AbortController();
      let answer = '';
      try {
        for await (const event of engine.generate(
          { ...request, prompt: { kind: 'messages', messages } },
          answering.signal,
        )) {
          if (event.type === 'end') continue;
          answer += event.text;
          process.stdout.write(event.text);
        }
      } catch (error) {
        if (!(error instanceof PagemindError)) throw error;
        if (error.code !== 'aborted') process.stdout.write(`${error.message}${error.hint ? ` ${error.hint}` : ''}`);
        if (answer === '') messages.pop();
      }
      answering = undefined;
      if (answer !== '') messages.push({ role: 'assistant', content: answer });
      process.stdout.write('\n');
    }
    terminal.close();
  });
}

/** Inputs of one or more lines: an empty line ends one; `exit` and `end` need none. */
async function* paragraphs(terminal: ReturnType<typeof createInterface>): AsyncIterable<string> {
  let lines: string[] = [];
  terminal.prompt();
  for await (const line of terminal) {
    const isCommand = lines.length === 0 && ['exit', 'end'].includes(line.trim());
    if (line.trim() !== '') lines.push(line);
    if (lines.length > 0 && (line.trim() === '' || isCommand)) {
      const text = lines.join('\n').trim();
      lines = [];
      yield text;
      terminal.prompt();
    }
  }
  if (lines.length > 0) yield lines.join('\n').trim();
}
