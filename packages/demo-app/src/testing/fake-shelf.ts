// What keeps the conversation, in memory, as long as a test wants. For tests alone.
import { PagemindError } from '@pagemind/core/client';
import type { Shelf } from '../state/keeper.js';

export class FakeShelf implements Shelf {
  readonly kept: Map<string, unknown> = new Map();
  /** Everything that was asked for. */
  readonly calls: string[] = [];
  /** As a private window does. */
  refuses: boolean = false;
  /** Holds writing back. */
  gate: Promise<void> | undefined;

  async save(name: string, data: unknown): Promise<void> {
    this.#note('save');
    await this.gate;
    this.kept.set(name, data);
  }

  async load(name: string): Promise<unknown> {
    this.#note('load');
    return this.kept.get(name);
  }

  async delete(name: string): Promise<void> {
    this.#note('delete');
    await this.gate;
    this.kept.delete(name);
  }

  #note(call: string): void {
    this.calls.push(call);
    if (this.refuses) throw new PagemindError('storage_unavailable', 'This is a private window.');
  }
}
