// The models of hubs that this browser keeps: which there are, and deleting one. Loading them is session.ts.
import type { CachedModel } from '@pagemind/core/client';
import { type Signal, signal } from '@preact/signals';

/** What is used of the library's cache. */
export interface ModelShelf {
  list(): Promise<readonly CachedModel[]>;
  delete(id: string): Promise<void>;
}

export class Library {
  readonly models: Signal<readonly CachedModel[]> = signal([]);
  readonly #shelf: ModelShelf;

  constructor(shelf: ModelShelf) {
    this.#shelf = shelf;
  }

  /** Where the browser keeps nothing there are none. */
  async refresh(): Promise<void> {
    this.models.value = await this.#shelf.list().catch(() => []);
  }

  async delete(id: string): Promise<void> {
    this.models.value = this.models.peek().filter((model) => model.id !== id);
    await this.#shelf.delete(id).catch(() => {});
    await this.refresh();
  }
}
