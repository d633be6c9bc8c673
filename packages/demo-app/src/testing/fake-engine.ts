// An engine for tests: answers with given words, one token each, and can fail or wait. For tests alone.
import { type EngineInfo, type GenerateEvent, type GenerateRequest, PagemindError } from '@pagemind/core/client';
import type { ChatEngine } from '../state/chat-engine.js';

export const FAKE_INFO: EngineInfo = {
  model: 'fake',
  family: 'fake',
  architecture: 'FakeForCausalLM',
  sessionLen: 64,
  vocabSize: 256,
  maxBatchSize: 1,
  numBlocks: 2,
  blockSize: 32,
  weightFormat: 'none',
  checkpointFormat: 'float',
  numConversions: 0,
  kvDtype: 'f32',
  memory: { weightBytes: 1, kvBytes: 2, activationBytes: 3, imageBytes: 0, totalBytes: 6 },
  bytesPerToken: 1,
  hasTokenizer: true,
  hasChatTemplate: true,
  takesImages: false,
  adapter: { vendor: 'fake', architecture: '', isCpu: true, features: [] },
};

export class FakeEngine implements ChatEngine {
  readonly info: EngineInfo;
  readonly requests: GenerateRequest[] = [];
  /** What the next generations say. */
  words: readonly string[] = ['Hello', ' there'];
  /** Thrown after the words. */
  error: PagemindError | undefined;
  /** Holds generations back before their last word. */
  gate: Promise<void> | undefined;
  isDisposed = false;

  constructor(info: Partial<EngineInfo> = {}) {
    this.info = { ...FAKE_INFO, ...info };
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    this.requests.push(request);
    for (const [index, text] of this.words.entries()) {
      if (index === this.words.length - 1) await Promise.race([this.gate, aborted(signal)]);
      if (signal?.aborted) throw new PagemindError('aborted', 'stopped');
      yield { type: 'delta', index: 0, text, tokenIds: [index] };
    }
    if (this.error) throw this.error;
    yield {
      type: 'end',
      index: 0,
      finishReason: 'stop',
      usage: { promptTokens: 5, completionTokens: this.words.length, cachedTokens: 0 },
      stats: {
        queueMs: 0,
        timeToFirstTokenMs: 7,
        totalMs: 9,
        prefillTokensPerSecond: 100,
        decodeTokensPerSecond: 20,
        numProposed: 0,
        numAccepted: 0,
      },
    };
  }

  /** One token per character. */
  async encode(text: string): Promise<number[]> {
    return Array.from(text, (char) => (char.codePointAt(0) ?? 0) % this.info.vocabSize);
  }

  async dispose(): Promise<void> {
    this.isDisposed = true;
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => signal?.addEventListener('abort', () => done()));
}
