// The small trained model of the fixtures, and what tests ask of it.
import { readFileSync } from 'node:fs';
import { type Engine, measurePerplexity } from '../node.js';
import { fixturesPath } from './fixtures.js';

export const TINYSTORIES = 'fixtures/models/tinystories-656k';

/** New ids after `ids`, greedy unless `sampling` says otherwise; an end of text does not end them. */
export async function generateIds(
  engine: Engine,
  ids: readonly number[],
  maxNewTokens: number,
  sampling: Parameters<Engine['generate']>[0]['sampling'] = { temperature: 0 },
): Promise<number[]> {
  const generated: number[] = [];
  const request = { prompt: { kind: 'tokens', ids }, sampling, maxNewTokens, ignoreEos: true } as const;
  for await (const event of engine.generate(request)) if (event.type === 'delta') generated.push(...event.tokenIds);
  return generated;
}

/** The procedure of the fixtures' README: 40 pieces of 255 ids with BOS before each, or fewer for what is only compared. */
export async function perplexity(engine: Engine, numPieces = 40): Promise<number> {
  const text = readFileSync(fixturesPath('fixtures/text/tinystories/tiny_stories.txt'), 'utf8').slice(0, 200_000);
  return (await measurePerplexity(engine, text, { windowLen: 256, maxWindows: numPieces })).perplexity;
}
