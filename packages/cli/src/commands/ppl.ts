// `pagemind ppl`: the perplexity of a text, for comparing models and quantisations.
import { measurePerplexity } from '@pagemind/core/node';
import { engineOptions, MODEL_OPTIONS, numberOf, readArguments, readTextFile, stringOf } from '../arguments.js';
import { withEngine } from '../open-engine.js';
import { UsageError } from '../usage.js';

const text = { type: 'string' } as const;
const OPTIONS = {
  ...MODEL_OPTIONS,
  'text-file': text,
  seqlen: text,
  stride: text,
  'max-windows': text,
  json: { type: 'boolean' },
} as const;

export async function ppl(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, OPTIONS, 1);
  const path = stringOf(values, 'text-file');
  if (path === undefined) throw new UsageError('Give --text-file FILE.');
  const content = await readTextFile(path);
  const windowLen = numberOf(values, 'seqlen');
  const stride = numberOf(values, 'stride');
  const maxWindows = numberOf(values, 'max-windows');
  const sizes = windowLen === undefined ? {} : { sessionLen: windowLen };
  const options = { dtype: 'float32', maxBatchSize: 4, ...sizes, ...engineOptions(values) } as const;
  await withEngine(positionals[0] ?? '', options, async (engine) => {
    const result = await measurePerplexity(engine, content, {
      ...(windowLen !== undefined && { windowLen }),
      ...(stride !== undefined && { stride }),
      ...(maxWindows !== undefined && { maxWindows }),
    });
    const { perplexity, loss, numTokens, numWindows } = result;
    process.stdout.write(
      values['json'] === true
        ? `${JSON.stringify(result)}\n`
        : `${perplexity.toFixed(3)} (${loss.toFixed(4)} per token; ${numTokens} tokens in ${numWindows} windows)\n`,
    );
  });
}
