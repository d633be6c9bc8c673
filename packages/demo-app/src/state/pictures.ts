// The pictures that wait to go with the next message: adding, removing, taking them along, and what was wrong with
// those that could not be added. How a picture is made small is pictures/thumbnail.ts.
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';

/** A picture of a person's: what the engine gets, and the small one that the page shows in its place. */
export interface Picture {
  readonly id: number;
  /** For people: a file's name, or what it shows. */
  readonly name: string;
  readonly blob: Blob;
  readonly thumbnail: Blob;
}

/** Something that shows a picture, as it came to the page. */
export interface GivenPicture {
  readonly name: string;
  readonly blob: Blob;
}

/** Why pictures were not taken; the names are those of the files. */
export type PictureProblem =
  | { readonly kind: 'unreadable'; readonly names: readonly string[] }
  | { readonly kind: 'too-many' }
  /** The loaded model sees nothing. */
  | { readonly kind: 'blind' };

/** @throws anything where the browser cannot decode the picture */
export type MakeThumbnail = (picture: Blob) => Promise<Blob>;

/** At once, in one message. */
export const MAX_PICTURES = 8;

export class PictureTray {
  readonly pictures: Signal<readonly Picture[]> = signal([]);
  readonly problem: Signal<PictureProblem | undefined> = signal(undefined);
  /** Pictures are still being looked at. */
  readonly isReading: ReadonlySignal<boolean>;
  readonly #numReading: Signal<number> = signal(0);
  readonly #makeThumbnail: MakeThumbnail;
  #lastId = 0;
  /** What is read for a tray that was cleared since is dropped. */
  #numClears = 0;

  constructor(makeThumbnail: MakeThumbnail) {
    this.#makeThumbnail = makeThumbnail;
    this.isReading = computed(() => this.#numReading.value > 0);
  }

  /** Adds what can be read, in order; the rest becomes the problem. */
  async add(given: readonly GivenPicture[]): Promise<void> {
    const numClears = this.#numClears;
    const unreadable: string[] = [];
    this.problem.value = undefined;
    this.#numReading.value++;
    try {
      // One after the other: decoded at once, large ones would not fit into memory.
      for (const [index, one] of given.entries()) {
        if (this.pictures.peek().length >= MAX_PICTURES) {
          this.problem.value = { kind: 'too-many' };
          return;
        }
        const picture = await this.read(one).catch(() => undefined);
        if (this.#numClears !== numClears) return;
        if (picture) this.pictures.value = [...this.pictures.peek(), picture];
        else unreadable.push(one.name || `#${index + 1}`);
      }
    } finally {
      this.#numReading.value--;
    }
    if (unreadable.length > 0) this.problem.value = { kind: 'unreadable', names: unreadable };
  }

  /**
   * A picture that is not put into the tray.
   * @throws anything where the browser cannot decode it
   */
  async read({ name, blob }: GivenPicture): Promise<Picture> {
    const thumbnail = await this.#makeThumbnail(blob);
    return { id: ++this.#lastId, name, blob, thumbnail };
  }

  remove(id: number): void {
    this.pictures.value = this.pictures.peek().filter((picture) => picture.id !== id);
  }

  /** Empties the tray into a message. */
  take(): readonly Picture[] {
    const taken = this.pictures.peek();
    this.clear();
    return taken;
  }

  clear(): void {
    this.#numClears++;
    this.pictures.value = [];
    this.problem.value = undefined;
  }
}
