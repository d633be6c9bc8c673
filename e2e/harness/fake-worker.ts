// A worker whose engine is made up: what it answers is chosen by what it is asked, so that the demo's tests can see
// things that no small model does on demand. It stands in for the demo's worker; see fake-models.ts.
import {
  type ChatMessage,
  type EngineCore,
  type EngineInfo,
  type GenerateEvent,
  type GenerateRequest,
  PagemindError,
  type PromptImage,
} from '@pagemind/core';
import { serveEngine } from '@pagemind/core/host';

const INFO: EngineInfo = {
  model: 'fake',
  family: 'fake',
  architecture: 'FakeForCausalLM',
  sessionLen: 4096,
  vocabSize: 256,
  maxBatchSize: 1,
  numBlocks: 8,
  blockSize: 32,
  weightFormat: 'none',
  checkpointFormat: 'float',
  numConversions: 0,
  kvDtype: 'f32',
  memory: { weightBytes: 1e6, kvBytes: 2e6, activationBytes: 3e6, imageBytes: 0, totalBytes: 6e6 },
  bytesPerToken: 1e6,
  hasTokenizer: true,
  hasChatTemplate: true,
  takesImages: false,
  adapter: { vendor: 'fake', architecture: 'paper', isCpu: false, features: [] },
};

const MARKDOWN = [
  '# A title\n\nSome **bold** text with `code`, a [link](https://example.org/) and a [trap](javascript:alert(1)).',
  '- one\n- two',
  '```js\nconst answer = 42;\n```',
  '| a | b |\n|---|---|\n| 1 | 2 |',
  '<img src="https://example.org/x.png" onerror="alert(1)"><script>alert(2)</script><b onclick="alert(3)">raw</b>',
].join('\n\n');

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

serveEngine(globalThis as unknown as MessagePort, async (options, { onProgress, signal }) => {
  const { model, ...engineOptions } = options as { readonly model: unknown };
  const name = typeof model === 'string' ? (new URL(model).pathname.split('/').at(-2) ?? '') : 'files';
  if (name === 'no-adapter')
    throw new PagemindError('webgpu_unavailable', 'There is no adapter.', { hint: 'Buy one.' });
  if (name === 'slow') {
    onProgress({ phase: 'weights', loadedBytes: 25e6, totalBytes: 100e6, text: '' });
    while (!signal.aborted) await pause(20);
    throw new PagemindError('aborted', 'left');
  }
  const sight = name === 'looker' && { takesImages: true, memory: { ...INFO.memory, imageBytes: 4e6 } };
  return fakeEngine({ ...INFO, ...sight, model: name }, engineOptions);
});

function fakeEngine(info: EngineInfo, engineOptions: unknown): EngineCore {
  return {
    info,
    async *generate(request, signal) {
      const seen = await Promise.all(picturesIn(request).map(look));
      for (const text of answerTo(request, engineOptions, seen)) {
        await pause(text === 'ever ' ? 50 : 5);
        if (signal?.aborted) throw new PagemindError('aborted', 'stopped');
        if (text === 'FAIL') throw new PagemindError('out_of_kv', 'It is full.', { hint: 'Clear the conversation.' });
        yield { type: 'delta', index: 0, text, tokenIds: [1] } satisfies GenerateEvent;
      }
      const stats = { queueMs: 0, timeToFirstTokenMs: 12, totalMs: 99, prefillTokensPerSecond: 100 };
      yield {
        type: 'end',
        index: 0,
        finishReason: 'stop',
        usage: { promptTokens: 10, completionTokens: 20, cachedTokens: 0 },
        stats: { ...stats, decodeTokensPerSecond: 42, numProposed: 0, numAccepted: 0 },
      };
    },
    logits: async () => new Float32Array(),
    logprobs: async () => new Float32Array(),
    readKv: async () => undefined,
    writeKv: async () => false,
    encode: async (text) => Array.from(text, () => 1),
    decode: async () => '',
    stats: async () => {
      throw new PagemindError('internal', 'the fake has none');
    },
    dispose: async () => {},
  };
}

/** The answer's pieces. `echo` tells what arrived; `forever` goes on until it is stopped. */
function* answerTo(
  { prompt, sampling, maxNewTokens }: GenerateRequest,
  options: unknown,
  seen: readonly string[],
): Iterable<string> {
  const last = prompt.kind === 'messages' ? textOf(prompt.messages.at(-1)?.content ?? '') : '';
  if (last === 'fail') yield* ['Half of ', 'FAIL'];
  else if (last === 'forever') for (;;) yield 'ever ';
  else if (last === 'markdown') yield* MARKDOWN.split(/(?<= )/);
  else if (last === 'echo') yield JSON.stringify({ prompt, sampling, maxNewTokens, options });
  else yield* ['You ', 'said: ', last, ...(seen.length > 0 ? [` I see ${seen.length}: `, seen.join('; ')] : [])];
}

function textOf(content: ChatMessage['content']): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** Of the whole conversation, as the page sends it. */
function picturesIn({ prompt }: GenerateRequest): readonly PromptImage[] {
  if (prompt.kind !== 'messages') return [];
  const parts = prompt.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  return parts.flatMap((part) => (part.type === 'image' ? [part.image] : []));
}

/** What kind of file it is, its size, and how much of it is not white. A single pixel is refused. */
async function look(image: PromptImage): Promise<string> {
  if (!(image instanceof Blob)) throw new PagemindError('invalid_image', 'The page sends files.');
  const bitmap = await createImageBitmap(image).catch((cause: unknown) => {
    throw new PagemindError('invalid_image', 'It could not be decoded.', { hint: 'The file is damaged.', cause });
  });
  const { width, height } = bitmap;
  if (width * height === 1) throw new PagemindError('unsupported_format', 'One pixel.', { hint: 'Show more of it.' });
  const context = new OffscreenCanvas(width, height).getContext('2d');
  context?.drawImage(bitmap, 0, 0);
  const { data = [] } = context?.getImageData(0, 0, width, height) ?? {};
  let numColoured = 0;
  for (let i = 0; i < data.length; i += 4)
    if ((data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0) < 765) numColoured++;
  return `${image.type} ${width}×${height}, ${numColoured} coloured pixels`;
}
