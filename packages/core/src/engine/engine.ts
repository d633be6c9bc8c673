// The engine of this thread: takes requests in, runs the step loop, gives results out. What a step holds is decided in
// scheduler.ts, how it is computed in the runner, what becomes of its results in output.ts; here is only their order.
import { AsyncQueue } from '../async-queue.js';
import { invariant, PagemindError, throwIfAborted } from '../errors.js';
import type { ModelRunner, RunnerLimits, StepResult } from '../runner/runner.js';
import { WordFinder } from '../text/word-finder.js';
import { Bell } from './bell.js';
import type {
  EngineCore,
  EngineInfo,
  EngineStats,
  GenerateEvent,
  GenerateRequest,
  KvPages,
  KvQuery,
  LogitsOptions,
  PromptImage,
} from './core.js';
import { type ImageReader, imagesOf, type PreparedImage, prepareImages } from './images.js';
import { type KvPlace, keysOf, readKv, writeKv } from './kv-pages.js';
import { createTextOutput, GenerationOutput, LogitsOutput, LogprobsOutput, type SequenceOutput } from './output.js';
import { StepPacer } from './pacer.js';
import { encodePrompt, type PromptTools, requireText, type TextTools } from './prompt.js';
import { type GenerationDefaults, type Request, resolveGeneration, resolveLogits, resolveLogprobs } from './request.js';
import { Scheduler, type Step } from './scheduler.js';
import { Sequence } from './sequence.js';
import { canSpeculate, Speculation, type SpeculationConfig } from './speculation.js';

/** One that the GPU works on, the rest so that it never waits for this thread. */
const DEFAULT_MAX_IN_FLIGHT = 3;

const DEFAULT_MAX_QUEUE_LEN = 64;

/** What a {@link LocalEngine} is made of. */
export interface LocalEngineParts {
  /** Disposed together with the engine. */
  readonly runner: ModelRunner;
  readonly info: EngineInfo;
  readonly defaults: GenerationDefaults;
  /** Missing: only token ids go in and out. */
  readonly text?: TextTools;
  /** Missing: the model takes no images. */
  readonly images?: ImageReader;
  /** Submissions that the GPU may have before it; default 3. */
  readonly maxStepsInFlight?: number;
  /** Requests that may wait before `queue_full`; default 64. */
  readonly maxQueueLen?: number;
  /** Share KV blocks among requests that begin alike; default true. */
  readonly enablePrefixCaching?: boolean;
  /** Missing: tokens come one by one. */
  readonly speculation?: SpeculationConfig;
  /** Names all that keys and values depend on; asked for when the first ones leave or come. */
  readonly kvOrigin: () => Promise<string>;
  /** Milliseconds; default `performance.now`. */
  readonly clock?: () => number;
  /** Seeds of requests that name none, 32-bit unsigned; default random. */
  readonly randomSeed?: () => number;
}

/** A step on the GPU. */
interface Submission {
  readonly step: Step;
  readonly submittedAt: number;
  arrived?: { readonly result: StepResult; readonly at: number };
}

/** A request that has not ended. */
interface Job {
  readonly output: SequenceOutput;
  readonly stopListening: () => void;
}

export class LocalEngine implements EngineCore {
  readonly info: EngineInfo;
  readonly #runner: ModelRunner;
  readonly #defaults: GenerationDefaults;
  readonly #text: TextTools | undefined;
  readonly #words: WordFinder | undefined;
  readonly #images: ImageReader | undefined;
  readonly #nameOrigin: () => Promise<string>;
  #origin: Promise<string> | undefined;
  readonly #clock: () => number;
  readonly #randomSeed: () => number;
  readonly #speculation: SpeculationConfig | undefined;
  readonly #scheduler: Scheduler;
  readonly #pacer: StepPacer;
  readonly #maxInFlight: number;
  readonly #jobs = new Map<Sequence, Job>();
  /** In order of submission, which is the order in which results are taken. */
  readonly #inFlight: Submission[] = [];
  /** Rung when a request or a result arrives. */
  readonly #bell = new Bell();
  #isGrowing = false;
  /** Why no request is taken any more. */
  #ending: PagemindError | undefined;
  #isDisposed = false;

  constructor(parts: LocalEngineParts) {
    const { runner, info, defaults, text, images, kvOrigin, clock, randomSeed } = parts;
    const { maxQueueLen = DEFAULT_MAX_QUEUE_LEN, enablePrefixCaching = true } = parts;
    this.info = info;
    this.#runner = runner;
    this.#defaults = defaults;
    this.#text = text;
    this.#words = text && new WordFinder(text.tokenizer);
    this.#images = images;
    this.#nameOrigin = kvOrigin;
    this.#speculation = parts.speculation;
    this.#clock = clock ?? (() => performance.now());
    this.#randomSeed = randomSeed ?? (() => crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
    this.#scheduler = new Scheduler(runner.limits, { maxQueueLen, enablePrefixCaching });
    this.#pacer = new StepPacer(runner.limits.maxStepsPerSubmit);
    this.#maxInFlight = parts.maxStepsInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    void this.#run();
  }

  generate(given: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    let sequences: readonly Sequence[] = [];
    const leaving = new AbortController();
    const events = new AsyncQueue<GenerateEvent>(() => {
      leaving.abort();
      for (const sequence of sequences) this.#cancel(sequence);
    });
    const arrivedAt = this.#clock();
    const start = (images: readonly PreparedImage[]): void => {
      if (leaving.signal.aborted) return;
      this.#throwIfEnded();
      throwIfAborted(signal);
      const limits = this.#limits;
      const prompt = encodePrompt(given.prompt, this.#promptTools, images);
      const randomSeed = this.#randomSeed();
      const context = { limits, defaults: this.#defaults, randomSeed, words: this.#words };
      const requests = resolveGeneration(given, prompt, context);
      let numUnfinished = requests.length;
      const onEnd = (): void => {
        numUnfinished -= 1;
        if (numUnfinished === 0) events.end();
      };
      const outputs = requests.map((request, index): [Sequence, SequenceOutput] => {
        const text = createTextOutput(given, prompt.ids, this.#text);
        const sequence = new Sequence(request, this.#speculationFor(request));
        return [sequence, new GenerationOutput(request, { index, events, onEnd }, text, arrivedAt)];
      });
      this.#start(outputs, signal);
      sequences = outputs.map(([sequence]) => sequence);
      if (given.returnPromptIds)
        events.push({ type: 'delta', index: 0, text: '', tokenIds: [], promptIds: prompt.ids });
    };
    try {
      const images = imagesOf(given.prompt);
      // Without images a request takes its place in the queue at once.
      if (images.length === 0) start([]);
      else
        this.#prepare(images, anyOf(signal, leaving.signal))
          .then(start)
          .catch((error) => events.fail(error));
    } catch (error) {
      events.fail(error);
    }
    return events;
  }

  async logits(
    ids: readonly number[],
    { decodeFrom = ids.length, images = [], signal }: LogitsOptions = {},
  ): Promise<Float32Array> {
    this.#throwIfEnded();
    throwIfAborted(signal);
    const prepared = images.length === 0 ? [] : await this.#prepare(images, signal);
    this.#throwIfEnded();
    const prompt = encodePrompt({ kind: 'tokens', ids }, { ...this.#promptTools, bosTokenId: undefined }, prepared);
    const request = resolveLogits(prompt, decodeFrom, this.#limits);
    const output = new LogitsOutput(ids.length, this.#runner.limits.vocabSize);
    this.#start([[new Sequence(request), output]], signal);
    return output.logits;
  }

  async logprobs(ids: readonly number[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<Float32Array> {
    this.#throwIfEnded();
    throwIfAborted(signal);
    const request = resolveLogprobs(ids, this.#limits);
    const output = new LogprobsOutput(ids.length);
    this.#start([[new Sequence(request), output]], signal);
    return output.logprobs;
  }

  async readKv(query: KvQuery): Promise<KvPages | undefined> {
    const place = await this.#kvPlace();
    if ('keys' in query) return readKv(place, query);
    const images = imagesOf(query.prompt);
    const prepared = images.length === 0 ? [] : await this.#prepare(images, undefined);
    const keys = keysOf(encodePrompt(query.prompt, this.#promptTools, prepared), this.#runner.limits.blockSize);
    this.#throwIfEnded();
    return readKv(place, { keys, firstBlock: 0 });
  }

  async writeKv(pages: KvPages): Promise<boolean> {
    return writeKv(await this.#kvPlace(), pages);
  }

  async encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}): Promise<number[]> {
    return requireText(this.#text).tokenizer.encode(text, options);
  }

  async decode(ids: readonly number[], options: { readonly skipSpecialTokens?: boolean } = {}): Promise<string> {
    return requireText(this.#text).tokenizer.decode(ids, options);
  }

  async stats(): Promise<EngineStats> {
    const { numRunning, numWaiting, poolSize, numFreeBlocks, numCachedBlocks, counters } = this.#scheduler;
    const now = { numRunning, numWaiting, numBlocks: poolSize, numFreeBlocks, numCachedBlocks };
    return { ...now, ...counters, counters: this.#runner.counters };
  }

  async dispose(): Promise<void> {
    this.#end(new PagemindError('disposed', 'The engine was disposed.'));
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#runner.dispose();
  }

  async #kvPlace(): Promise<KvPlace> {
    this.#throwIfEnded();
    this.#origin ??= this.#nameOrigin();
    const origin = await this.#origin;
    this.#throwIfEnded();
    return { runner: this.#runner, scheduler: this.#scheduler, origin };
  }

  /** The step loop. It never waits for a result while there is room for another submission. */
  async #run(): Promise<void> {
    try {
      while (!this.#ending) {
        this.#update();
        this.#submit();
        this.#growPool();
        if (this.#inFlight.length === 0 && !this.#isGrowing) this.#checkRest();
        await this.#bell.wait();
      }
    } catch (error) {
      this.#end(error);
    }
  }

  /** schedule → execute, as far ahead of the results as is allowed. */
  #submit(): void {
    while (this.#inFlight.length < this.#maxInFlight) {
      const step = this.#scheduler.schedule(this.#pacer.numSteps);
      if (!step) return;
      this.#execute(step);
    }
  }

  #execute(step: Step): void {
    const submittedAt = this.#clock();
    for (const begin of step.begins) this.#runner.beginSequence(begin);
    for (const sequence of step.sequences) this.#jobs.get(sequence)?.output.start(submittedAt);
    const submission: Submission = { step, submittedAt };
    this.#inFlight.push(submission);
    this.#runner.execute(step.plan).then(
      (result) => {
        submission.arrived = { result, at: this.#clock() };
        this.#bell.ring();
      },
      (error) => this.#end(error),
    );
  }

  /** Takes the results that have arrived, in order of submission. */
  #update(): void {
    for (let oldest = this.#inFlight[0]; oldest?.arrived; oldest = this.#inFlight[0]) {
      this.#inFlight.shift();
      const { step, submittedAt, arrived } = oldest;
      this.#pacer.observe(step.plan, submittedAt, arrived.at);
      for (const arrival of this.#scheduler.update(step, arrived.result)) {
        const isOver = this.#jobs.get(arrival.sequence)?.output.receive(arrival, arrived.at);
        if (isOver) this.#release(arrival.sequence);
      }
    }
  }

  /** Lets the KV pool grow where it runs short; steps go on meanwhile. */
  #growPool(): void {
    const { poolSize, wantedPoolSize } = this.#scheduler;
    if (this.#isGrowing || wantedPoolSize === poolSize) return;
    this.#isGrowing = true;
    this.#runner
      .growPool(wantedPoolSize)
      .then(
        () => this.#scheduler.growPool(wantedPoolSize),
        (error) => this.#capPool(error),
      )
      .finally(() => {
        this.#isGrowing = false;
        this.#bell.ring();
      });
  }

  /** The device has less memory than was planned with: whoever fits in goes on. */
  #capPool(cause: unknown): void {
    if (!(cause instanceof PagemindError && cause.code === 'out_of_memory')) {
      this.#end(cause);
      return;
    }
    for (const sequence of this.#scheduler.capPool()) {
      const hint = 'Ask for fewer tokens, or load the model with a smaller memoryBudget or sessionLen.';
      const message = 'The device has no memory for the keys and values of so long a sequence.';
      this.#cancel(sequence, new PagemindError('out_of_kv', message, { hint, cause }));
    }
  }

  /** Nothing is in flight: then everybody has been served and nothing is lost. */
  #checkRest(): void {
    invariant(this.#jobs.size === 0, 'a request was forgotten');
    this.#scheduler.checkIntegrity();
  }

  /** The runner's, with the blocks that the device turned out to have room for. */
  get #limits(): RunnerLimits {
    return { ...this.#runner.limits, numBlocks: this.#scheduler.maxPoolSize };
  }

  #prepare(images: readonly PromptImage[], signal: AbortSignal | undefined): Promise<readonly PreparedImage[]> {
    return prepareImages(images, this.#images, this.#runner.limits.maxImageRows, signal);
  }

  get #promptTools(): PromptTools {
    return {
      text: this.#text,
      bosTokenId: this.#defaults.bosTokenId,
      imageTokenId: this.#images?.imageTokenId,
      imageBounds: this.#images?.imageBounds,
    };
  }

  #speculationFor({ sampling }: Request): Speculation | undefined {
    return this.#speculation && canSpeculate(sampling) ? new Speculation(this.#speculation) : undefined;
  }

  /** Queues sequences, all or none. */
  #start(outputs: readonly (readonly [Sequence, SequenceOutput])[], signal: AbortSignal | undefined): void {
    this.#scheduler.add(...outputs.map(([sequence]) => sequence));
    for (const [sequence, output] of outputs) {
      const abort = (): void => {
        const cause = signal?.reason;
        this.#cancel(sequence, new PagemindError('aborted', 'The request was aborted.', { cause }));
      };
      signal?.addEventListener('abort', abort);
      this.#jobs.set(sequence, { output, stopListening: () => signal?.removeEventListener('abort', abort) });
    }
    this.#bell.ring();
  }

  /** Ends a request before its time, without an error when nobody listens any more. */
  #cancel(sequence: Sequence, error?: PagemindError): void {
    const job = this.#jobs.get(sequence);
    this.#release(sequence);
    if (error) job?.output.fail(error);
    this.#bell.ring();
  }

  #release(sequence: Sequence): void {
    this.#scheduler.finish(sequence);
    this.#jobs.get(sequence)?.stopListening();
    this.#jobs.delete(sequence);
  }

  /** Ends everything, once and for all. */
  #end(reason: unknown): void {
    if (this.#ending) return;
    const isKnown = reason instanceof PagemindError;
    const error = isKnown ? reason : new PagemindError('internal', 'The engine failed.', { cause: reason });
    this.#ending = error;
    for (const sequence of [...this.#jobs.keys()]) this.#cancel(sequence, error);
    this.#bell.ring();
  }

  #throwIfEnded(): void {
    if (!this.#ending) return;
    const { code, message, hint } = this.#ending;
    throw new PagemindError(code, message, { cause: this.#ending, ...(hint === undefined ? {} : { hint }) });
  }
}

function anyOf(signal: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return signal ? AbortSignal.any([signal, other]) : other;
}
