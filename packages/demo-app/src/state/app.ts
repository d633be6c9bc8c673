// The page's state put together, and the acts that touch more than one part of it. Handed to components through
// app-context.ts; nothing here draws.
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Dictionary } from '../i18n/dictionary.js';
import { dictionaryOf, resolveLanguage } from '../i18n/languages.js';
import { fetchSamples, type Sample } from '../pictures/samples.js';
import { fetchSampleText } from '../quantize/sample-text.js';
import { fetchCatalog, filesChoice, type HostedModel, hostedChoice, hubChoice, type ModelChoice } from './catalog.js';
import type { Connect } from './chat-engine.js';
import { Conversation } from './conversation.js';
import { type Dropped, isForPicture } from './dropped.js';
import { type Failure, needsReload } from './failure.js';
import { Keeper, type Shelf } from './keeper.js';
import { Library, type ModelShelf } from './library.js';
import { choiceOf, type OwnModel, OwnModels, type OwnShelf, originalOf } from './own-models.js';
import { type GivenPicture, type MakeThumbnail, PictureTray } from './pictures.js';
import { Preferences, type SettingsStorage } from './preferences.js';
import type { Mode } from './prompt.js';
import { Quantizer, type Quantizing, type RunJob } from './quantizer.js';
import { nameOf, type Recipe } from './recipe.js';
import { ModelSession } from './session.js';
import { DEFAULT_PEN, EMPTY_SKETCH, type Pen, reduceSketch, type Sketch, type SketchAction } from './sketch.js';

/** What the page's environment offers. */
export interface AppEnvironment {
  /** The page's own address. */
  readonly base: string;
  readonly hasWebGpu: boolean;
  readonly languages: readonly string[];
  readonly storage: SettingsStorage | undefined;
  /** Keeps the conversation. */
  readonly shelf: Shelf;
  /** Keeps models of hubs. */
  readonly models: ModelShelf;
  /** Keeps models that were quantised here. */
  readonly ownModels: OwnShelf;
  readonly runJob: RunJob;
  /** Hands a quantised model out as a file. */
  readonly download: (id: string) => Promise<void>;
  readonly connect: Connect;
  readonly fetchJson: (url: URL) => Promise<unknown>;
  readonly fetchBlob: (address: string) => Promise<Blob>;
  readonly makeThumbnail: MakeThumbnail;
  readonly now: () => number;
}

export class App {
  readonly preferences: Preferences;
  readonly session: ModelSession;
  readonly conversation: Conversation;
  readonly keeper: Keeper;
  readonly library: Library;
  readonly own: OwnModels;
  readonly quantizer: Quantizer;
  readonly language: ReadonlySignal<'en' | 'zh'>;
  readonly text: ReadonlySignal<Dictionary>;
  readonly isSettingsOpen: Signal<boolean> = signal(false);
  readonly isQuantizeOpen: Signal<boolean> = signal(false);
  /** The loaded model has weights that can be quantised, and a tokenizer for the text that is needed for it. */
  readonly canQuantize: ReadonlySignal<boolean>;
  /** Pictures for the next message. */
  readonly tray: PictureTray;
  readonly samples: Signal<readonly Sample[]> = signal([]);
  readonly isSketchOpen: Signal<boolean> = signal(false);
  /** Stays when the pad is closed, to go on drawing. */
  readonly sketch: Signal<Sketch> = signal(EMPTY_SKETCH);
  readonly pen: Signal<Pen> = signal(DEFAULT_PEN);
  /** Set when this browser cannot run any model. */
  readonly unsupported: ReadonlySignal<Failure | 'no-webgpu' | undefined>;
  readonly #environment: AppEnvironment;
  /** Of the conversation. */
  #lastMode: Mode | undefined;

  constructor(environment: AppEnvironment) {
    this.#environment = environment;
    this.preferences = new Preferences(environment.storage);
    const { settings } = this.preferences;
    this.language = computed(() => resolveLanguage(settings.value.language, environment.languages));
    this.text = computed(() => dictionaryOf(this.language.value));
    this.session = new ModelSession(environment.connect);
    this.library = new Library(environment.models);
    this.own = new OwnModels(environment.ownModels);
    this.quantizer = new Quantizer(environment.runJob, this.own);
    this.tray = new PictureTray(environment.makeThumbnail);
    const { state, mode, info } = this.session;
    this.canQuantize = computed(() => info.value?.checkpointFormat === 'float' && info.value.hasTokenizer);
    this.conversation = new Conversation({
      engine: () => {
        const current = state.peek();
        return current.kind === 'ready' ? current.engine : undefined;
      },
      mode: () => mode.peek(),
      settings: () => settings.peek(),
      now: environment.now,
    });
    this.keeper = new Keeper(environment.shelf, this.conversation, () => this.#lastMode ?? 'chat');
    this.unsupported = computed(() => {
      if (!environment.hasWebGpu) return 'no-webgpu';
      const current = state.value;
      return current.kind === 'failed' && current.failure.code === 'webgpu_unavailable' ? current.failure : undefined;
    });
    this.#clearWhenModeChanges();
    this.#fitPicturesToModel();
  }

  /** Finds the models and loads the one used last, or the first, so that one can write at once. */
  async start(): Promise<void> {
    if (!this.#environment.hasWebGpu) return;
    const keptMode = await this.keeper.start();
    this.#lastMode ??= keptMode;
    const [models] = await Promise.all([
      fetchCatalog(this.#environment.base, this.#environment.fetchJson),
      this.library.refresh(),
      this.own.refresh(),
    ]);
    this.session.catalog.value = models;
    if (this.session.state.peek().kind !== 'empty') return;
    const { lastModel } = this.preferences.settings.peek();
    const kept = this.library.models.peek().find(({ id, isComplete }) => id === lastModel && isComplete);
    const own = this.own.models.peek().find(({ id, after }) => id === lastModel && after);
    const model = models.find(({ id }) => id === lastModel) ?? models[0];
    if (own) await this.openOwn(own);
    else if (kept) await this.openFromHub(kept.id);
    else if (model) await this.openHosted(model);
  }

  /** A model by its name on the hub of the settings. */
  openFromHub(id: string): Promise<void> {
    return this.open(hubChoice(id, this.preferences.settings.peek().endpoint));
  }

  openHosted(model: HostedModel): Promise<void> {
    return this.open(hostedChoice(model, this.#environment.base));
  }

  /** A model that was quantised here. */
  async openOwn(own: OwnModel): Promise<void> {
    this.quantizer.leave();
    await this.#loadOwn(own);
  }

  async open(choice: ModelChoice): Promise<void> {
    this.quantizer.leave();
    await this.#load(choice);
  }

  /** What the browser has lost the files of goes from the list. */
  async #loadOwn(own: OwnModel): Promise<void> {
    const choice = await this.own.choose(own).catch(() => undefined);
    if (choice) await this.#load(choice);
    else await this.own.delete(own.id);
  }

  async #load(choice: ModelChoice): Promise<void> {
    this.#pause();
    await this.session.load(choice, this.preferences.settings.peek().load);
    const { kind } = this.session.state.peek();
    if (kind === 'ready' && choice.hostedId !== null) this.preferences.set({ lastModel: choice.hostedId });
    if (choice.endpoint !== undefined) await this.library.refresh();
  }

  async reload(): Promise<void> {
    this.#pause();
    await this.session.reload(this.preferences.settings.peek().load);
  }

  /**
   * Quantises the loaded model, which makes room for that, and loads what comes of it.
   * @param text to calibrate on; null: the one that comes with the page
   */
  async quantize(recipe: Recipe, text: string | null): Promise<void> {
    const state = this.session.state.peek();
    if (state.kind !== 'ready') return;
    const { choice } = state;
    const own = { id: nameOf(choice.name, recipe), original: originalOf(choice), recipe, text, layer: 0, numLayers: 0 };
    await this.#quantize({ choice, own });
  }

  /** Goes on with a job that was broken off, if its original can be opened without the person. */
  async goOn(own: OwnModel): Promise<void> {
    const state = this.quantizer.state.peek();
    const choice = state.kind === 'stopped' && state.own.id === own.id ? state.choice : choiceOf(own.original);
    if (choice) await this.#quantize({ choice, own });
  }

  async #quantize(quantizing: Quantizing): Promise<void> {
    this.#pause();
    await this.quantizer.run(quantizing, async () => {
      await this.session.release();
      return quantizing.own.text ?? fetchSampleText(this.#environment.fetchBlob);
    });
    const state = this.quantizer.state.peek();
    if (state.kind === 'finished') await this.#loadOwn(state.own);
  }

  download({ id }: OwnModel): Promise<void> {
    return this.#environment.download(id);
  }

  /** Before the engine goes. */
  #pause(): void {
    this.conversation.stop();
    this.conversation.failure.value = undefined;
  }

  /** Answers what failed, on a fresh engine where the old one is gone. */
  async retry(failure: Failure): Promise<void> {
    if (needsReload(failure)) await this.reload();
    if (this.session.state.peek().kind === 'ready') await this.conversation.retry();
  }

  /** Puts pictures beside the next message, if the loaded model can see them. */
  async attach(given: readonly GivenPicture[]): Promise<void> {
    if (this.session.takesPictures.peek()) await this.tray.add(given);
    else this.tray.problem.value = { kind: 'blind' };
  }

  /** Sends what is in the tray with what was written. */
  async send(text: string): Promise<void> {
    if (this.conversation.isAnswering.peek() || this.tray.isReading.peek()) return;
    await this.conversation.send(text, this.tray.take());
  }

  /** Has a picture described that does not go through the tray. */
  async describe(given: GivenPicture): Promise<void> {
    if (this.conversation.isAnswering.peek()) return;
    const picture = await this.tray.read(given).catch(() => undefined);
    if (picture) await this.conversation.send('', [picture]);
    else this.tray.problem.value = { kind: 'unreadable', names: [given.name] };
  }

  drawOn(action: SketchAction): void {
    this.sketch.value = reduceSketch(this.sketch.peek(), action);
  }

  /** A folder is a model; files are pictures or a model. */
  async drop({ folder, files }: Dropped): Promise<void> {
    if (folder) return this.open(folder);
    if (files.length === 0) return;
    if (this.session.info.peek() && isForPicture(files, this.session.takesPictures.peek())) {
      await this.attach(files.map((file) => ({ name: file.name, blob: file })));
    } else {
      await this.open(filesChoice(files));
    }
  }

  /** A model that sees nothing gets no pictures; the first that sees brings the samples. */
  #fitPicturesToModel(): void {
    effect(() => {
      if (!this.session.info.value) return;
      if (!this.session.takesPictures.value) {
        this.tray.clear();
        this.isSketchOpen.value = false;
      } else if (this.samples.peek().length === 0) {
        void fetchSamples(this.#environment.fetchBlob).then((samples) => {
          this.samples.value = samples;
        });
      }
    });
  }

  /** A story is no conversation and the other way round. */
  #clearWhenModeChanges(): void {
    effect(() => {
      if (!this.session.info.value) return;
      const mode = this.session.mode.value;
      if (this.#lastMode !== undefined && this.#lastMode !== mode) this.conversation.clear();
      this.#lastMode = mode;
    });
  }
}
