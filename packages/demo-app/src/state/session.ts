// The loaded model: loading one, leaving the loading, replacing it. What is said to it is conversation.ts.

import type { EngineInfo, LoadProgress } from '@pagemind/core/client';
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { HostedModel, ModelChoice } from './catalog.js';
import type { ChatEngine, Connect } from './chat-engine.js';
import { type Failure, failureOf } from './failure.js';
import type { Mode } from './prompt.js';
import { engineOptionsOf, type LoadSettings } from './settings.js';

export type SessionState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'loading'; readonly choice: ModelChoice; readonly progress: LoadProgress | undefined }
  | { readonly kind: 'failed'; readonly choice: ModelChoice; readonly failure: Failure }
  | {
      readonly kind: 'ready';
      readonly choice: ModelChoice;
      readonly engine: ChatEngine;
      readonly loadSettings: LoadSettings;
    };

export class ModelSession {
  readonly state: Signal<SessionState> = signal({ kind: 'empty' });
  /** Undefined until the list is known. */
  readonly catalog: Signal<readonly HostedModel[] | undefined> = signal(undefined);
  readonly info: ReadonlySignal<EngineInfo | undefined>;
  /** How one talks to the loaded model. */
  readonly mode: ReadonlySignal<Mode>;
  /** Pictures can be shown to the loaded model. */
  readonly takesPictures: ReadonlySignal<boolean>;
  readonly #connect: Connect;
  #loading: AbortController | undefined;
  /** Resolves when the engine before the present one is gone: two models at once may not fit. */
  #released: Promise<unknown> = Promise.resolve();

  constructor(connect: Connect) {
    this.#connect = connect;
    this.info = computed(() => (this.state.value.kind === 'ready' ? this.state.value.engine.info : undefined));
    this.mode = computed(() => (this.info.value?.hasChatTemplate === false ? 'story' : 'chat'));
    this.takesPictures = computed(() => {
      const { takesImages = false, hasTokenizer = false } = this.info.value ?? {};
      return takesImages && hasTokenizer && this.mode.value === 'chat';
    });
  }

  /** Replaces what is loaded. Failures become the state; nothing is thrown. */
  async load(choice: ModelChoice, loadSettings: LoadSettings): Promise<void> {
    this.#leave();
    const controller = new AbortController();
    const isCurrent = (): boolean => this.#loading === controller;
    this.#loading = controller;
    this.state.value = { kind: 'loading', choice, progress: undefined };
    try {
      await this.#released;
      const engine = await this.#connect(
        {
          ...engineOptionsOf(loadSettings),
          model: choice.model,
          ...(choice.endpoint !== undefined && { endpoint: choice.endpoint }),
        },
        {
          signal: controller.signal,
          onProgress: (progress) => {
            if (isCurrent()) this.state.value = { kind: 'loading', choice, progress };
          },
        },
      );
      if (isCurrent()) this.state.value = { kind: 'ready', choice, engine, loadSettings };
      else this.#release(engine);
    } catch (error) {
      if (isCurrent()) this.state.value = { kind: 'failed', choice, failure: failureOf(error) };
    } finally {
      if (isCurrent()) this.#loading = undefined;
    }
  }

  /** Stops a load that is under way. */
  cancel(): void {
    if (this.#loading) this.#leave();
  }

  /** Gives up what is loaded; resolves when its memory is free. */
  async release(): Promise<void> {
    this.#leave();
    await this.#released;
  }

  /** Loads the present choice once more. */
  async reload(loadSettings: LoadSettings): Promise<void> {
    const state = this.state.peek();
    if (state.kind !== 'empty') await this.load(state.choice, loadSettings);
  }

  #leave(): void {
    const state = this.state.peek();
    this.#loading?.abort();
    this.#loading = undefined;
    if (state.kind === 'ready') this.#release(state.engine);
    this.state.value = { kind: 'empty' };
  }

  #release(engine: ChatEngine): void {
    this.#released = Promise.allSettled([this.#released, engine.dispose()]);
  }
}
