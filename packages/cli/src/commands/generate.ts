// `pagemind generate`: one prompt, one continuation, as text or as JSON.
import type { ChatMessage, GenerateEvent, Prompt } from '@pagemind/core/node';
import {
  engineOptions,
  generationOptions,
  MODEL_OPTIONS,
  readArguments,
  readIds,
  readTextFile,
  SAMPLING_OPTIONS,
  stringOf,
  type Values,
} from '../arguments.js';
import { withEngine } from '../open-engine.js';
import { UsageError } from '../usage.js';

const OPTIONS = {
  ...MODEL_OPTIONS,
  ...SAMPLING_OPTIONS,
  prompt: { type: 'string' },
  messages: { type: 'string' },
  'input-ids': { type: 'string' },
  stop: { type: 'string', multiple: true },
  raw: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export async function generate(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const prompt = await readPrompt(values);
  const options = generationOptions(values);
  const stopStrings = (values['stop'] ?? []) as readonly string[];
  const asJson = values['json'] === true;
  await withEngine(positionals[0] ?? '', engineOptions(values), async (engine) => {
    let text = '';
    const tokenIds: number[] = [];
    let end: Extract<GenerateEvent, { type: 'end' }> | undefined;
    for await (const event of engine.generate({ ...options, prompt, stopStrings })) {
      if (event.type === 'end') {
        end = event;
        continue;
      }
      text += event.text;
      tokenIds.push(...event.tokenIds);
      if (!asJson) process.stdout.write(engine.info.hasTokenizer ? event.text : `${event.tokenIds.join(' ')} `);
    }
    if (!asJson) {
      process.stdout.write('\n');
      return;
    }
    const { finishReason, usage, stats } = end as NonNullable<typeof end>;
    const result = {
      text,
      token_ids: tokenIds,
      finish_reason: finishReason,
      usage: {
        prompt_tokens: usage.promptTokens,
        completion_tokens: usage.completionTokens,
        total_tokens: usage.promptTokens + usage.completionTokens,
      },
      stats,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  });
}

async function readPrompt(values: Values): Promise<Prompt> {
  const [prompt, messages, ids] = ['prompt', 'messages', 'input-ids'].map((name) => stringOf(values, name));
  if ([prompt, messages, ids].filter((given) => given !== undefined).length !== 1) {
    throw new UsageError('Give exactly one of --prompt, --messages and --input-ids.');
  }
  if (ids !== undefined) return { kind: 'tokens', ids: await readIds(ids) };
  if (messages !== undefined) return { kind: 'messages', messages: parseMessages(await readTextFile(messages)) };
  if (values['raw'] === true) return { kind: 'text', text: prompt ?? '', addSpecialTokens: true };
  return { kind: 'messages', messages: [{ role: 'user', content: prompt ?? '' }] };
}

/** A JSON list of {role, content}. */
function parseMessages(text: string): ChatMessage[] {
  const wrong = new UsageError('--messages must name a JSON file with a list of {"role", "content"}.');
  let messages: unknown;
  try {
    messages = JSON.parse(text);
  } catch {
    throw wrong;
  }
  const isMessage = (value: unknown): value is ChatMessage =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as ChatMessage).role === 'string' &&
    typeof (value as ChatMessage).content === 'string';
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage)) throw wrong;
  return messages;
}
