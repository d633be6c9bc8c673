// The turns of a conversation or of a story, and the one function that changes them. Pure; talking to the engine is
// conversation.ts.
import type { Picture } from './pictures.js';

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
  /** What a person showed beside it. */
  readonly pictures?: readonly Picture[];
  /** The engine could not take the pictures; they are not sent again. */
  readonly isRefused?: true;
  readonly status: TurnStatus;
  readonly stats?: TurnStats;
}

export type TurnAction =
  /** The person wrote something. */
  | { readonly type: 'write'; readonly text: string; readonly pictures?: readonly Picture[] }
  /** The model starts to write; follows any turn. */
  | { readonly type: 'answer' }
  | { readonly type: 'append'; readonly text: string }
  /** The model's turn is over; one without text disappears. */
  | { readonly type: 'finish'; readonly status: Exclude<TurnStatus, 'streaming'>; readonly stats?: TurnStats }
  /** Takes the model's last turn back, for another try. */
  | { readonly type: 'retract' }
  /** The engine could not take a picture: of the last turn, or else, if that has none, of one before. */
  | { readonly type: 'refuse' }
  | { readonly type: 'clear' };

export function reduceTurns(turns: readonly Turn[], action: TurnAction): readonly Turn[] {
  const last = turns.at(-1);
  const before = turns.slice(0, -1);
  const id = (last?.id ?? 0) + 1;
  switch (action.type) {
    case 'write': {
      const { text, pictures = [] } = action;
      return [...turns, { id, author: 'person', text, status: 'done', ...(pictures.length > 0 && { pictures }) }];
    }
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
    case 'refuse':
      return last?.pictures ? [...before, refused(last)] : turns.map((turn) => (turn.pictures ? refused(turn) : turn));
    case 'clear':
      return [];
  }
}

/** Index of the first question after a turn; undefined when there is none. */
export function nextQuestion(turns: readonly Turn[], after: number): number | undefined {
  const index = turns.findIndex(({ author }, at) => at > after && author === 'person');
  return index < 0 ? undefined : index;
}

function refused(turn: Turn): Turn {
  return { ...turn, isRefused: true };
}
