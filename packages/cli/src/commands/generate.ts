// `pagemind generate`: one prompt, one continuation, as text or as JSON.
import type { GeneratedLogprob, GenerateEvent } from '@pagemind/core/node';
import {
  engineOptions,
  generationOptions,
  MODEL_OPTIONS,
  numberOf,
  readArguments,
  SAMPLING_OPTIONS,
} from '../arguments.js';
import { withEngine } from '../open-engine.js';
import { PROMPT_OPTIONS, readPrompt } from '../prompt.js';
import { UsageError } from '../usage.js';

const OPTIONS = {
  ...MODEL_OPTIONS,
  ...SAMPLING_OPTIONS,
  ...PROMPT_OPTIONS,
  stop: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  logprobs: { type: 'string' },
} as const;

export async function generate(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const prompt = await readPrompt(values);
  const options = generationOptions(values);
  const stopStrings = (values['stop'] ?? []) as readonly string[];
  const asJson = values['json'] === true;
  const numTop = numberOf(values, 'logprobs');
  if (numTop !== undefined && !asJson) throw new UsageError('--logprobs needs --json.');
  const request = { ...options, prompt, stopStrings, ...(numTop !== undefined && { logprobs: numTop }) };
  await withEngine(positionals[0] ?? '', engineOptions(values), async (engine) => {
    let text = '';
    const tokenIds: number[] = [];
    const logprobs: GeneratedLogprob[] = [];
    let end: Extract<GenerateEvent, { type: 'end' }> | undefined;
    for await (const event of engine.generate(request)) {
      if (event.type === 'end') {
        end = event;
        continue;
      }
      text += event.text;
      tokenIds.push(...event.tokenIds);
      logprobs.push(...(event.logprobs ?? []));
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
      ...(numTop !== undefined && { logprobs: logprobs.map(({ offset, ...token }) => token) }),
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
