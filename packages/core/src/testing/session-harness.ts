// What tests of sessions share: an engine with a chat template over a fake runner, and what that template makes of turns.
import { Engine } from '../api/engine-api.js';
import type { EngineInfo } from '../engine/core.js';
import type { LocalEngineParts } from '../engine/engine.js';
import type { ChatTemplate } from '../text/chat-template.js';
import { create, drain, tokenizer } from './engine-harness.js';
import type { FakeLimits, FakeRunner } from './fake-runner.js';

/** `f` + text + `g` for the system, `b` + text + `c` for the user, `d` + text + `e` for an answer. An image is an `a`. */
export const chatTemplate: ChatTemplate = {
  needsSpecialTokens: false,
  render: (messages) =>
    `${messages.map(({ role, content }) => wrap(role, Array.isArray(content) ? content.map(showPart).join('') : content)).join('')}d`,
};

function wrap(role: string, content: unknown): string {
  const [open, close] = role === 'system' ? 'fg' : role === 'user' ? 'bc' : 'de';
  return `${open}${content}${close}`;
}

function showPart(part: { readonly type: string; readonly text?: string }): string {
  return part.type === 'image' ? 'a' : (part.text ?? '');
}

export const idsOf = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });

export const textOf = (ids: readonly number[]): string => tokenizer.decode(ids, { skipSpecialTokens: true });

/** Roomy unless told otherwise: what is computed once is found again. */
export function createChat(
  limits: FakeLimits = {},
  parts: Partial<LocalEngineParts> = {},
): { engine: Engine; core: ReturnType<typeof create>['engine']; runner: FakeRunner } {
  const { engine: core, runner } = create(
    { sessionLen: 400, numBlocks: 256, ...limits },
    { info: { model: 'toy', maxBatchSize: 4 } as EngineInfo, text: { tokenizer, chatTemplate }, ...parts },
  );
  return { engine: new Engine(core), core, runner };
}

/** Waits for `work`, which the runner does meanwhile, whenever it is asked to. */
export async function finish<T>(runner: FakeRunner, work: Promise<T>): Promise<T> {
  let isOver = false;
  // A failure is the caller's to see, after the runner came to rest.
  const settled = work.then(
    (value) => () => value,
    (error) => () => {
      throw error;
    },
  );
  void settled.then(() => {
    isOver = true;
  });
  do await drain(runner);
  while (!isOver);
  await drain(runner);
  return (await settled)();
}

/** Tokens that were sent to be computed since the plan `from`. */
export function numSent({ plans }: FakeRunner, from = 0): number {
  return plans.slice(from).reduce((sum, { sequences }) => sum + sequences.reduce((n, s) => n + s.tokens.length, 0), 0);
}
