// The model that ships with the demo page, as it ships: transformers' LLaVA on the same numbers (tools/embedded-model says
// how they were made) is its reference, from the picture and the messages to the answer.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEngine, type Engine } from './node.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf } from './testing/goldens.js';
import { readTensors } from './testing/tensors.js';

const path = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
const MODEL = path('packages/demo-app/public/models/pagemind-sketch');
const PICTURE = path('tools/embedded-model/golden/golden.png');
const QUESTION = 'What do you see?';
const END = 2;

describe('the embedded model', () => {
  const golden = readTensors(readFileSync(path('tools/embedded-model/golden/golden.safetensors')));
  const ids = idsOf(golden, 'input_ids');
  const greedy = idsOf(golden, 'greedy_ids');
  let engine: Engine;

  beforeAll(async () => {
    engine = await createEngine({ model: MODEL, dtype: 'float32', maxBatchSize: 1 });
  });
  afterAll(() => engine?.dispose());

  it('gives the reference logits for a picture and a question, and after each token of the answer', async () => {
    const logits = await engine.logits([...ids, ...greedy], { images: [PICTURE], decodeFrom: ids.length });
    const { vocabSize } = engine.info;
    const wanted = floatsOf(golden, 'logits');
    const split = ids.length * vocabSize;
    expect(errorOf(logits.subarray(split - wanted.length, split), wanted)).toBeLessThan(GOLDEN_TOLERANCE);
    expect(errorOf(logits.subarray(split), floatsOf(golden, 'forced_logits'))).toBeLessThan(GOLDEN_TOLERANCE);
  });

  it('makes the same ids of a message with the picture, and answers as the reference does', async () => {
    const content = [
      { type: 'image', image: PICTURE },
      { type: 'text', text: QUESTION },
    ] as const;
    const answer = greedy.slice(0, greedy.indexOf(END) < 0 ? undefined : greedy.indexOf(END));
    const said = await generateIds(engine, { kind: 'messages', messages: [{ role: 'user', content }] }, answer.length);
    expect(said).toEqual(answer);
    const { choices, usage } = await engine.chat.completions.create({
      messages: [{ role: 'user', content }],
      temperature: 0,
    });
    expect(choices[0].message.content).toBe(await engine.decode(answer));
    expect(usage.prompt_tokens).toBe(ids.length);
    expect((await engine.stats()).counters.imagesEncoded).toBe(1);
  });

  it('ships in few bytes', () => {
    expect(engine.info.memory.weightBytes).toBeLessThan(8e6);
  });
});
