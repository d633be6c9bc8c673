// The turns of a conversation, action by action.
import { describe, expect, it } from 'vitest';
import { reduceTurns, type Turn, type TurnAction } from './turns.js';

function after(...actions: readonly TurnAction[]): readonly Turn[] {
  return actions.reduce<readonly Turn[]>(reduceTurns, []);
}

const ASKED: readonly TurnAction[] = [{ type: 'write', text: 'Hi' }, { type: 'answer' }];

describe('turns', () => {
  it('stream into the last one', () => {
    const turns = after(...ASKED, { type: 'append', text: 'Hel' }, { type: 'append', text: 'lo' });
    expect(turns.map(({ author, text, status }) => [author, text, status])).toEqual([
      ['person', 'Hi', 'done'],
      ['model', 'Hello', 'streaming'],
    ]);
  });

  it('end with their figures', () => {
    const stats = { numTokens: 2, tokensPerSecond: 3, timeToFirstTokenMs: 4 };
    const turns = after(...ASKED, { type: 'append', text: 'x' }, { type: 'finish', status: 'length', stats });
    expect(turns.at(-1)).toMatchObject({ status: 'length', stats });
  });

  it('forget an answer that was stopped before its first word', () => {
    expect(after(...ASKED, { type: 'finish', status: 'stopped' })).toHaveLength(1);
    expect(after(...ASKED, { type: 'append', text: 'x' }, { type: 'finish', status: 'stopped' })).toHaveLength(2);
  });

  it('ignore words that come too late', () => {
    const done = after(...ASKED, { type: 'append', text: 'x' }, { type: 'finish', status: 'done' });
    expect(reduceTurns(done, { type: 'append', text: 'y' })).toBe(done);
    expect(reduceTurns([], { type: 'append', text: 'y' })).toEqual([]);
  });

  it('take back answers only', () => {
    const done = after(...ASKED, { type: 'append', text: 'x' }, { type: 'finish', status: 'done' });
    const taken = reduceTurns(done, { type: 'retract' });
    expect(taken).toHaveLength(1);
    expect(reduceTurns(taken, { type: 'retract' })).toBe(taken);
  });

  it('keep pictures that the engine refused, and say so', () => {
    const pictures = [{ id: 1, name: 'a', blob: new Blob(), thumbnail: new Blob() }];
    const shown = after({ type: 'write', text: 'Look', pictures });
    expect(reduceTurns(shown, { type: 'refuse' })).toMatchObject([{ pictures, isRefused: true }]);
    const later = [{ type: 'answer' }, { type: 'finish', status: 'done' }, { type: 'write', text: 'And?' }] as const;
    const refused = later.reduce(reduceTurns, shown);
    expect(reduceTurns(refused, { type: 'refuse' }).map((turn) => turn.isRefused ?? false)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('have ids of their own', () => {
    const ids = after(...ASKED, { type: 'append', text: 'x' }, { type: 'finish', status: 'done' }, ...ASKED).map(
      ({ id }) => id,
    );
    expect(new Set(ids).size).toBe(4);
  });
});
