// The models that were quantised here: which there are, how far each is, deleting one. Their files are a folder each; what is
// known about them is stored beside it, so that a job can go on after the page was closed.
import type { DataStore } from '@pagemind/core/client';
import { type Signal, signal } from '@preact/signals';
import type { Measured } from '../quantize/messages.js';
import type { ModelChoice } from './catalog.js';
import { parseRecipe, type Recipe } from './recipe.js';
import { record } from './settings.js';

/** Where the original of a quantised model is found again. */
export interface Original extends Omit<ModelChoice, 'model'> {
  /** A URL, or a name on a hub; null: files of the person's own, which a page cannot open by itself. */
  readonly model: string | null;
}

/** A quantised model, or one that is on its way. */
export interface OwnModel {
  /** Its name, which is also that of its folder. */
  readonly id: string;
  readonly original: Original;
  readonly recipe: Recipe;
  /** What it is calibrated on; null: the text that comes with the page. */
  readonly text: string | null;
  /** Layers that are finished, and of how many; 0 while that is not known. */
  readonly layer: number;
  readonly numLayers: number;
  /** The original, as it was measured. */
  readonly before?: Measured;
  /** The model itself; missing until it is finished. */
  readonly after?: Measured;
}

/** What keeps them. */
export interface OwnShelf extends Pick<DataStore, 'list' | 'load' | 'save' | 'delete'> {
  /** Its files, as a model to load. */
  open(id: string): Promise<FileSystemDirectoryHandle>;
  /** Does nothing where there are none. */
  deleteFiles(id: string): Promise<void>;
}

export class OwnModels {
  readonly models: Signal<readonly OwnModel[]> = signal([]);
  readonly #shelf: OwnShelf;

  constructor(shelf: OwnShelf) {
    this.#shelf = shelf;
  }

  /** Where the browser keeps nothing there are none. */
  async refresh(): Promise<void> {
    const names = await this.#shelf.list().catch(() => []);
    const loaded = await Promise.all(names.map((name) => this.#shelf.load(name).catch(() => undefined)));
    const models = loaded.map(parseOwnModel).filter((model) => model !== undefined);
    this.models.value = models.sort((a, b) => a.id.localeCompare(b.id));
  }

  /** Notes how far a model is. That it could not be stored shows when the page is opened again, and not before. */
  async note(model: OwnModel): Promise<void> {
    const others = this.models.peek().filter(({ id }) => id !== model.id);
    this.models.value = [...others, model].sort((a, b) => a.id.localeCompare(b.id));
    await this.#shelf.save(model.id, model).catch(() => {});
  }

  /** What is loaded to write with it. @throws when its files are gone */
  async choose({ id }: OwnModel): Promise<ModelChoice> {
    return { hostedId: id, name: id, model: await this.#shelf.open(id) };
  }

  /** One that the browser does not let go is back in the list. */
  async delete(id: string): Promise<void> {
    const model = this.models.peek().find((each) => each.id === id);
    this.models.value = this.models.peek().filter((each) => each !== model);
    try {
      // Files without an entry would be there for ever; an entry without files can be deleted again.
      await this.#shelf.deleteFiles(id);
      await this.#shelf.delete(id);
    } catch {
      if (model) await this.note(model);
    }
  }
}

/** The original, as far as it can be stored. */
export function originalOf({ model, ...choice }: ModelChoice): Original {
  return { ...choice, model: typeof model === 'string' ? model : null };
}

/** The original as a model to load, if a page can open it by itself. */
export function choiceOf({ model, ...choice }: Original): ModelChoice | undefined {
  return model === null ? undefined : { ...choice, model };
}

/** What was stored, by some version of this page or by somebody else. */
export function parseOwnModel(data: unknown): OwnModel | undefined {
  const { id, text, layer, numLayers, ...rest } = record(data);
  const { hostedId, name, model, endpoint } = record(rest['original']);
  const recipe = parseRecipe(rest['recipe']);
  const [before, after] = [measuredIn(rest['before']), measuredIn(rest['after'])];
  if (typeof id !== 'string' || !recipe || typeof name !== 'string') return undefined;
  return {
    id,
    original: {
      hostedId: typeof hostedId === 'string' ? hostedId : null,
      name,
      model: typeof model === 'string' ? model : null,
      ...(typeof endpoint === 'string' && { endpoint }),
    },
    recipe,
    text: typeof text === 'string' ? text : null,
    layer: countIn(layer),
    numLayers: countIn(numLayers),
    ...(before && { before }),
    ...(after && { after }),
  };
}

function measuredIn(data: unknown): Measured | undefined {
  const { perplexity, weightBytes } = record(data);
  const isWhole = Number.isFinite(perplexity) && Number.isSafeInteger(weightBytes);
  return isWhole ? { perplexity: perplexity as number, weightBytes: weightBytes as number } : undefined;
}

function countIn(value: unknown): number {
  return Number.isSafeInteger(value) ? Math.max(0, value as number) : 0;
}
