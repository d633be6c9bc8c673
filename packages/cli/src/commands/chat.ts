// `pagemind chat`: a conversation in the terminal. An empty line sends, `exit` leaves, `end` starts over, `/image` shows
// an image with the next message.
import { createInterface } from 'node:readline';
import type { ChatMessage, Engine } from '@pagemind/core/node';
import { PagemindError } from '@pagemind/core/node';
import { engineOptions, generationOptions, MODEL_OPTIONS, readArguments, SAMPLING_OPTIONS } from '../arguments.js';
import { checkImage, contentOf } from '../images.js';
import { withEngine } from '../open-engine.js';
import { UsageError } from '../usage.js';

const OPTIONS = { ...MODEL_OPTIONS, ...SAMPLING_OPTIONS } as const;

/** Lines that need no empty line behind them; `/image` has what it shows behind it. */
const COMMAND = /^(exit$|end$|\/image(?!\S))\s*(.*)$/;

export async function chat(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const request = generationOptions(values);
  await withEngine(positionals[0] ?? '', engineOptions(values), async (engine) => {
    const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
    let answering: AbortController | undefined;
    terminal.on('SIGINT', () => (answering ? answering.abort() : terminal.close()));
    let messages: ChatMessage[] = [];
    let images: readonly string[] = [];
    for await (const input of paragraphs(terminal)) {
      const [, command, image = ''] = COMMAND.exec(input) ?? [];
      if (command === 'exit') break;
      if (command === 'end') {
        messages = [];
        images = [];
        process.stdout.write('(new conversation)\n');
        continue;
      }
      if (command === '/image') {
        images = await attach(image, images, engine);
        continue;
      }
      messages.push({ role: 'user', content: contentOf(input, images) });
      images = [];
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

/** The images of the next message: one more, or none any more when `image` is empty. Tells what it did. */
async function attach(image: string, images: readonly string[], engine: Engine): Promise<readonly string[]> {
  const tell = (text: string) => process.stdout.write(`(${text})\n`);
  if (!engine.info.takesImages) {
    tell('this model does not take images');
    return images;
  }
  if (image === '') {
    tell(images.length > 0 ? `taken back: ${images.join(', ')}` : '/image FILE or URL shows one with the next message');
    return [];
  }
  const path = image.replace(/^(['"])(.*)\1$/, '$2'); // as terminals paste it
  try {
    await checkImage(path);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(error.message);
    return images;
  }
  tell(`image ${images.length + 1} of the next message`);
  return [...images, path];
}

/** Inputs of one or more lines: an empty line ends one; commands need none. */
async function* paragraphs(terminal: ReturnType<typeof createInterface>): AsyncIterable<string> {
  let lines: string[] = [];
  terminal.prompt();
  for await (const line of terminal) {
    const isCommand = lines.length === 0 && COMMAND.test(line.trim());
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
