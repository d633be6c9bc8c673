// The README's example, word for word between the lines; library.spec.ts compares and runs it.
// —
import { connectEngine } from '@pagemind/core/client';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const engine = await connectEngine(
  worker,
  { model: '/models/tinystories-656k' },
  { onProgress: ({ text }) => console.log(text) },
);

const stream = await engine.chat.completions.create({
  messages: [{ role: 'user', content: 'Once upon a time' }],
  max_tokens: 32,
  stream: true,
});
let answer = '';
for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? '';

await engine.dispose();
// —

globalThis.embedded = answer;

declare global {
  var embedded: string | undefined;
}
