// The turns of a conversation or of a story, and the one function that changes them. Pure; talking to the engine is
// conversation.ts.

export type TurnStatus = 'streaming' | 'done' | 'length' | 'stopped';

/** Figures of a finished answer. */
export interface TurnStats {
  readonly numTokens: number;
  readonly tokensPerSecond: number;
  readonly timeToFirstTokenMs: number;
}

/** What one side wrote at one time. In a story, a piece of text. */
export interface Turn {
  readonly id: number;
  readonly author: 'person' | 'model';
  readonly text: string;
  readonly status: TurnStatus;
  readonly stats?: TurnStats;
}

export type TurnAction =
  /** The person wrote something. */
  | { readonly type: 'write'; readonly text: string }
  /** The model starts to write; follows any turn. */
  | { readonly type: 'answer' }
  | { readonly type: 'append'; readonly text: string }
  /** The model's turn is over; one without text disappears. */
  | { readonly type: 'finish'; readonly status: Exclude<TurnStatus, 'streaming'>; readonly stats?: TurnStats }
  /** Takes the model's last turn back, for another try. */
  | { readonly type: 'retract' }
  | { readonly type: 'clear' };

export function reduceTurns(turns: readonly Turn[], action: TurnAction): readonly Turn[] {
  const last = turns.at(-1);
  const before = turns.slice(0, -1);
  const id = (last?.id ?? 0) + 1;
  switch (action.type) {
    case 'write':
      return [...turns, { id, author: 'person', text: action.text, status: 'done' }];
    case 'answer':
      return [...turns, { id, author: 'model', text: '', status: 'streaming' }];
    case 'append':
      return last?.status === 'streaming' ? [...before, { ...last, text: last.text + action.text }] : turns;
    case 'finish': {
      if (last?.status !== 'streaming') return turns;
      if (last.text === '' && action.status !== 'done') return before;
      return [...before, { ...last, status: action.status, ...(action.stats && { stats: action.stats }) }];
    }
    case 'retract':
      return last?.author === 'model' ? before : turns;
    case 'clear':
      return [];
  }
}
