// Whatever is said, taken back, forked, stored, aborted and ended, in pools that are too small to keep it all: every answer
// is the one that the toy model gives to the same tokens without any session.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { GenerateEvent } from '../engine/core.js';
import { expectAtRest } from '../testing/engine-harness.js';
import { answerOf } from '../testing/fake-runner.js';
import { createChat, finish, idsOf, textOf } from '../testing/session-harness.js';
import type { Session } from './session.js';

type Command =
  | { readonly do: 'send'; readonly text: string; readonly maxNewTokens: number; readonly ending: Ending }
  | { readonly do: 'rewind'; readonly numTurns: number }
  | { readonly do: 'fork' | 'restore' | 'end' };

/** How an answer ends, where that is not its length: at its token `at`. */
interface Ending {
  readonly by: 'length' | 'token' | 'string' | 'leaving';
  readonly at: number;
}

/** What a session should be: for every turn the tokens after it, and what is to be put behind them. */
interface Model {
  readonly session: Session;
  turns: { readonly ids: readonly number[]; readonly rest: string }[];
}

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      text: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 }),
      maxNewTokens: fc.integer({ min: 1, max: 12 }),
      ending: fc.record({
        by: fc.constantFrom('length', 'token', 'string', 'leaving'),
        at: fc.nat({ max: 8 }),
      }) as fc.Arbitrary<Ending>,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rewind' as const), numTurns: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('fork', 'restore', 'end') }) as fc.Arbitrary<Command> },
);

const limits = fc.record({
  numBlocks: fc.integer({ min: 16, max: 48 }),
  blockSize: fc.integer({ min: 2, max: 5 }),
  maxPrefillTokenNum: fc.integer({ min: 5, max: 20 }),
  maxStepsPerSubmit: fc.integer({ min: 1, max: 5 }),
});

const commands = fc.array(fc.tuple(fc.nat({ max: 3 }), command), { minLength: 4, maxLength: 24 });

it('answers as without sessions', { timeout: 60_000 }, async () => {
  let [numPrompt, numCached, numFull, numAborted] = [0, 0, 0, 0];
  await fc.assert(
    fc.asyncProperty(limits, commands, async (given, list) => {
      const longest = Math.min(80, given.numBlocks * given.blockSize);
      const { engine, core, runner } = createChat({ ...given, sessionLen: longest });
      const models: Model[] = [{ session: engine.session(), turns: [] }];

      const send = async (model: Model, { text, maxNewTokens, ending }: Command & { do: 'send' }): Promise<void> => {
        const { ids, rest } = model.turns.at(-1) ?? { ids: [], rest: '' };
        const prompt = [...ids, ...idsOf(`${rest}b${text}cd`)];
        const whole = answerOf(prompt, Math.min(maxNewTokens, longest - prompt.length));
        const stopId = whole[ending.at];
        const stopString = textOf(whole).slice(ending.at, ending.at + 2);
        const stops = {
          ...(ending.by === 'token' && stopId !== undefined && { stopTokenIds: [stopId] }),
          ...(ending.by === 'string' && stopString !== '' && { stopStrings: [stopString] }),
        };
        const request = { sampling: {}, maxNewTokens, ignoreEos: true, ...stops };
        const before = JSON.stringify(model.session);
        const run = async (): Promise<GenerateEvent | undefined> => {
          let numEvents = 0;
          for await (const event of model.session.generate([{ role: 'user', content: text }], request)) {
            if (event.type === 'end') return event;
            if (ending.by === 'leaving' && ++numEvents > ending.at / 2) return undefined;
          }
          return undefined;
        };
        if (prompt.length >= longest) {
          await expect(finish(runner, run())).rejects.toMatchObject({
            code: expect.stringMatching(/context_too_long|out_of_kv/),
          });
          expect(JSON.stringify(model.session)).toBe(before);
          numFull++;
          return;
        }
        const end = await finish(runner, run());
        if (end?.type === 'end') {
          expect(end.usage.promptTokens).toBe(prompt.length);
          numPrompt += prompt.length;
          numCached += end.usage.cachedTokens;
        } else if (JSON.stringify(model.session) === before) return;
        else numAborted++;
        const { response } = model.session;
        const tokenIds = response?.tokenIds ?? [];
        expect(tokenIds).toEqual(whole.slice(0, tokenIds.length));
        if (response?.finishReason === 'length') expect(tokenIds).toEqual(whole);
        const isCut = response?.finishReason === 'stop' && stops.stopStrings !== undefined;
        const isById = response?.finishReason === 'stop' && stops.stopTokenIds !== undefined;
        model.turns.push(
          isCut
            ? { ids: prompt, rest: `${response.text}e` }
            : { ids: [...prompt, ...(isById ? tokenIds.slice(0, -1) : tokenIds)], rest: 'e' },
        );
      };

      for (const [which, each] of list) {
        const model = models[which % models.length] as Model;
        const { session, turns } = model;
        if (each.do === 'send') await send(model, each);
        else if (each.do === 'rewind') {
          const numTurns = Math.min(each.numTurns, turns.length);
          session.rewind(numTurns);
          turns.length -= numTurns;
        } else if (each.do === 'end') {
          session.end();
          models[models.indexOf(model)] = { session: engine.session(), turns: [] };
        } else {
          const other =
            each.do === 'fork' ? session.fork() : engine.session({ from: JSON.parse(JSON.stringify(session)) });
          models.push({ session: other, turns: [...turns] });
        }
        for (const { session: one, turns: wanted } of models) {
          expect([one.numTurns, one.numTokens]).toEqual([wanted.length, wanted.at(-1)?.ids.length ?? 0]);
        }
      }
      await expectAtRest(core, runner);
    }),
    { numRuns: 150 },
  );
  expect(numCached / numPrompt).toBeGreaterThan(0.4);
  expect(numFull).toBeGreaterThan(5);
  expect(numAborted).toBeGreaterThan(50);
});
