// What the engine asks of a model runner, as plain data. The real one is model-runner.ts; tests of the engine use a fake.
import type { DrawnLogprobs } from '@pagemind/kernels-wgsl';
import type { SlotStart } from '../layers/sampler.js';
import type { Placement } from '../models/vlm/vlm-config.js';

/** Fixed sizes of a runner, known once the model is loaded. */
export interface RunnerLimits {
  /** Slots: sequences that can be running at once. */
  readonly maxBatchSize: number;
  /** KV blocks (pages) that the pool may have. */
  readonly numBlocks: number;
  /** Blocks that it begins with. */
  readonly firstBlocks: number;
  /** Tokens per block. */
  readonly blockSize: number;
  /** Longest sequence, prompt and answer together. */
  readonly sessionLen: number;
  /** Most tokens of one step. */
  readonly maxPrefillTokenNum: number;
  /** Most tokens of a step that verifies proposals: for so many, the weights are read once. */
  readonly maxVerifyRows: number;
  /** Most decode steps of one submission. */
  readonly maxStepsPerSubmit: number;
  readonly vocabSize: number;
  /** Rows of the largest image; 0: the model takes none. */
  readonly maxImageRows: number;
  /**
   * Longest prompt whose keys and values depend on its tokens alone, not on its length: such may share blocks. Infinity
   * unless rotation changes with the length.
   */
  readonly maxSharedLen: number;
  /** Tokens that one sees, itself the last of them, in the layer that sees most. Infinity: some layer sees all. */
  readonly window: number;
  /**
   * Longest sequence that keeps its keys and values as it grows: above it every token wants all of them computed with the
   * rotation of the length it has then, which is the length at the slot's start. Infinity unless that was chosen.
   */
  readonly maxKeptLen: number;
}

/** An image, ready for the tower. */
export interface RunnerImage {
  /** Of its contents: equal hashes mean equal images. */
  readonly hash: string;
  /** f32 `[numTiles, 3, imageSize, imageSize]`, normalised. */
  readonly tiles: Float32Array;
  /** The same tiles as a second tower wants them, where there is one. */
  readonly highRes?: Float32Array;
  readonly numTiles: number;
  readonly placement: Placement;
}

/** Tokens in a row that stand for rows of an image. */
export interface ImageSpan {
  readonly image: RunnerImage;
  /** First of the image's rows. */
  readonly firstFeature: number;
  /** Index of the first token, among those that are given beside. */
  readonly firstToken: number;
  readonly numRows: number;
}

/** A sequence takes a slot. */
export interface BeginSequence extends SlotStart {
  /** Images among its tokens. */
  readonly images: readonly ImageSpan[];
}

/** What one sequence does in a step. */
export interface ScheduledSequence {
  readonly slot: number;
  /**
   * Number of tokens already computed; the step's first token has this position. In a slot's first step these are the
   * tokens of blocks that other sequences have filled.
   */
  readonly startPosition: number;
  /** Ids to compute. Empty: one token, the one sampled last, which only the GPU may know yet. */
  readonly tokens: readonly number[];
  /**
   * How many of these, the last ones, are proposed and not certain. A token is sampled before each of them too, and counts as
   * long as the proposed ones before it are what was sampled. Where they are not, what was computed for them is overwritten
   * later. What was sampled last is then unknown to the slot: the next step of the sequence has to bring it.
   */
  readonly numProposed: number;
  /** Which of these tokens are rows of images. */
  readonly images: readonly ImageSpan[];
  /**
   * Blocks added to the slot's table since the last step: table entries from `firstBlock` on. What earlier entries name, and
   * no token from here on sees, may have gone to other sequences.
   */
  readonly firstBlock: number;
  readonly newBlocks: readonly number[];
  /** Sample the token that follows the last of these (false inside a chunked prompt). */
  readonly sample: boolean;
  /** Return the logits of every token of this sequence in the step. */
  readonly wantsLogits: boolean;
  /**
   * Instead of logits, return the log probabilities of these ids, each after the token in its place. The last token of a
   * sequence has none.
   */
  readonly targets?: readonly number[];
}

/** One submission. */
export interface StepPlan {
  /** Either all of them want logits or none does. */
  readonly sequences: readonly ScheduledSequence[];
  /**
   * Decode steps to run in a row, from 1 to `maxStepsPerSubmit`; above 1 only if every sequence continues from the GPU.
   * The blocks of all steps are already in the tables.
   */
  readonly numSteps: number;
}

/** What a submission gave one sequence that sampled or wanted logits, in the plan's order. */
export interface SequenceResult {
  readonly slot: number;
  /**
   * Sampled ids in order: `numSteps`, fewer when the sequence was done before; with proposals one, and one more for each that
   * was right.
   */
  readonly tokens: readonly number[];
  /** The sequence met a stop id (its last token) or its maximal length. */
  readonly isDone: boolean;
  /** Of every token of `tokens`, if its sequence asked for them. */
  readonly logprobs?: readonly DrawnLogprobs[];
  /** `[numTokens, vocabSize]` when wanted. */
  readonly logits?: Float32Array;
  /** Of every one of `targets` when those were given. */
  readonly targetLogprobs?: Float32Array;
}

export interface StepResult {
  readonly sequences: readonly SequenceResult[];
}

/** Counters since the start, of which benches and tests read differences, and what is held now. */
export interface RunnerCounters {
  readonly steps: number;
  readonly submits: number;
  readonly passes: number;
  readonly dispatches: number;
  /** Buffers, bind groups, pipelines, shader modules, query sets created. */
  readonly gpuObjects: number;
  readonly readbackBytes: number;
  /** Images that went through the tower; those found in the cache do not count. */
  readonly imagesEncoded: number;
  /** Bytes of GPU buffers that are held now. */
  readonly gpuBytes: number;
}

/** Runs steps of a model. Calls are made in order from one thread; nothing here blocks on the GPU. */
export interface ModelRunner {
  readonly limits: RunnerLimits;
  /** Bytes of the keys and values of a block, over all layers. */
  readonly blockBytes: number;
  readonly counters: RunnerCounters;
  /** Prepares a slot. Steps submitted before still see the slot's earlier sequence. */
  beginSequence(begin: BeginSequence): void;
  /**
   * Makes the KV pool larger, layer by layer. Blocks keep what they hold; steps may be submitted meanwhile.
   * @throws PagemindError `out_of_memory`: the pool stays as it is.
   */
  growPool(numBlocks: number): Promise<void>;
  /** Submits a step at once; resolves when its results arrive, usually after later steps were submitted. */
  execute(plan: StepPlan): Promise<StepResult>;
  /** Keys and values of blocks, `[blocks.length, blockBytes]`, as the steps submitted before leave them. */
  readBlocks(blocks: readonly number[]): Promise<Uint8Array<ArrayBuffer>>;
  /** Fills blocks with what {@link readBlocks} gave, for the steps submitted from now on. */
  writeBlocks(blocks: readonly number[], bytes: Uint8Array<ArrayBuffer>): void;
  dispose(): void;
}
