// Every word on the page, as a type that each language fills. Words for error codes are typed by the codes themselves.
import type { LoadProgress, PagemindErrorCode } from '@pagemind/core/client';
import type { SampleId } from '../pictures/samples.js';
import type { QuantizeStep } from '../quantize/messages.js';
import type { Recipe } from '../state/recipe.js';
import type { QuantizeChoice, SliderKey } from '../state/settings.js';
import type { ColourName, Tool, WidthName } from '../state/sketch.js';

/** A name and a sentence that explains it. */
export interface Labelled {
  readonly label: string;
  readonly help: string;
}

export interface Dictionary {
  readonly tagline: string;
  readonly privacy: string;
  readonly model: {
    readonly choose: string;
    readonly hosted: string;
    readonly cached: string;
    /** What is here of what there is. */
    readonly partly: (cached: string, total: string) => string;
    readonly deleteCached: (name: string) => string;
    readonly fromHub: string;
    readonly fromHubHelp: (hub: string) => string;
    readonly hubName: string;
    readonly hubNameWrong: string;
    readonly download: string;
    readonly openFolder: string;
    readonly openFolderHelp: string;
    readonly dropHere: string;
    readonly dropPictureHere: string;
    readonly none: string;
    readonly noneHelp: string;
    readonly current: string;
    readonly unusable: string;
  };
  readonly loading: {
    readonly title: (name: string) => string;
    readonly phase: Readonly<Record<LoadProgress['phase'] | 'worker', string>>;
    readonly bytes: (loaded: string, total: string) => string;
    readonly rate: (bytesPerSecond: string) => string;
    readonly left: (time: string) => string;
    readonly cancel: string;
    readonly canResume: string;
  };
  readonly chat: {
    readonly greeting: string;
    readonly greetingHelp: string;
    readonly placeholder: string;
    readonly starters: readonly string[];
    readonly log: string;
    readonly forgotten: string;
    readonly you: string;
    readonly model: string;
  };
  readonly story: {
    readonly greeting: string;
    readonly greetingHelp: string;
    readonly placeholder: string;
    readonly placeholderNext: string;
    readonly starters: readonly string[];
    readonly log: string;
    readonly continue: string;
    readonly theEnd: string;
    readonly yourWords: string;
    readonly modelWords: string;
  };
  readonly pictures: {
    readonly greeting: string;
    readonly greetingHelp: string;
    readonly placeholder: string;
    readonly starters: readonly string[];
    readonly samplesTitle: string;
    readonly samples: Readonly<Record<SampleId, string>>;
    readonly describeSample: (name: string) => string;
    readonly draw: string;
    readonly drawHelp: string;
    readonly add: string;
    readonly describe: string;
    readonly waiting: string;
    readonly reading: string;
    readonly remove: (name: string) => string;
    readonly drawing: string;
    readonly refused: string;
    readonly problems: {
      readonly unreadable: (names: string) => string;
      readonly unreadableHelp: string;
      readonly tooMany: (max: string) => string;
      readonly blind: string;
      readonly blindHelp: string;
    };
  };
  readonly sketch: {
    readonly title: string;
    readonly canvas: string;
    readonly keys: string;
    readonly tool: string;
    readonly tools: Readonly<Record<Tool, string>>;
    readonly colour: string;
    readonly colours: Readonly<Record<ColourName, string>>;
    readonly width: string;
    readonly widths: Readonly<Record<WidthName, string>>;
    readonly filled: string;
    readonly undo: string;
    readonly clear: string;
    readonly attach: string;
  };
  readonly actions: {
    readonly send: string;
    readonly stop: string;
    readonly regenerate: string;
    readonly copy: string;
    readonly copied: string;
    readonly clear: string;
    readonly close: string;
    readonly retry: string;
    readonly dismiss: string;
    readonly keys: string;
  };
  readonly answer: { readonly stopped: string; readonly length: string; readonly thinking: string };
  readonly status: {
    readonly adapter: string;
    readonly software: string;
    readonly memory: string;
    readonly weights: string;
    readonly kv: string;
    readonly activations: string;
    readonly pictures: string;
    readonly context: string;
    readonly speed: string;
    readonly tokensPerSecond: (value: string) => string;
    readonly firstToken: string;
    readonly tokens: (count: number) => string;
  };
  readonly settings: {
    readonly title: string;
    readonly systemPrompt: Labelled;
    readonly systemPromptPlaceholder: string;
    readonly systemPromptStory: string;
    readonly sampling: string;
    readonly sliders: Readonly<Record<SliderKey, Labelled>>;
    readonly off: string;
    readonly seed: Labelled;
    readonly random: string;
    readonly conversation: string;
    readonly kept: string;
    readonly notKept: string;
    readonly loading: string;
    readonly quantize: Labelled;
    readonly quantizeChoices: Readonly<Record<QuantizeChoice, string>>;
    readonly sessionLen: Labelled;
    readonly automatic: string;
    readonly endpoint: Labelled;
    readonly applyByReload: string;
    readonly reload: string;
    readonly reset: string;
  };
  /** Quantising with calibration, in the page. */
  readonly quantize: {
    readonly open: string;
    readonly openHelp: string;
    readonly title: (model: string) => string;
    readonly intro: string;
    readonly method: Labelled;
    readonly methods: Readonly<Record<Recipe['method'], string>>;
    readonly bits: Labelled;
    readonly group: Labelled;
    readonly samples: Labelled;
    readonly text: Labelled;
    readonly sampleText: string;
    readonly ownText: string;
    readonly tooShort: (numChars: string) => string;
    readonly start: string;
    readonly working: (model: string) => string;
    readonly phases: Readonly<Record<QuantizeStep['phase'] | 'start', string>>;
    readonly layers: (done: number, total: number) => string;
    readonly left: (time: string) => string;
    readonly loss: string;
    readonly before: string;
    readonly stop: string;
    readonly canResume: string;
    readonly stopped: (model: string) => string;
    readonly kept: (done: number, total: number) => string;
    readonly goOn: string;
    readonly back: (model: string) => string;
    readonly done: (name: string) => string;
    readonly columns: { readonly before: string; readonly after: string };
    readonly perplexity: string;
    readonly perplexityHelp: string;
    readonly download: string;
    readonly packing: string;
    readonly list: string;
    readonly unfinished: (done: number, total: number) => string;
    readonly openOriginal: string;
  };
  readonly unsupported: {
    readonly title: string;
    readonly text: string;
    readonly insecure: string;
    readonly yourBrowser: string;
    readonly browsers: readonly { readonly id: BrowserId; readonly name: string; readonly advice: string }[];
    readonly reload: string;
  };
  readonly errors: Readonly<Record<PagemindErrorCode, string>>;
  readonly errorDetails: string;
}

/** Browsers that the page has advice for. */
export type BrowserId = 'chrome' | 'firefox' | 'safari' | 'android' | 'ios';
