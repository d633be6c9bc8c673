// Asks the engine all questions of a held-out set, as the demo would: `node tools/embedded-model/answer.mjs MODEL HELD_OUT OUT`
// with an optional number of questions. scoring.py compares the answers. Build first (npm run setup).
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { pipeline } from '../../packages/core/dist/node.js';

const [model, heldOut, out, limit = 'Infinity'] = argv.slice(2);
if (!out) throw new Error('Usage: node tools/embedded-model/answer.mjs MODEL HELD_OUT OUT [NUM_QUESTIONS]');

const text = await readFile(join(heldOut, 'questions.jsonl'), 'utf8');
const questions = text
  .trim()
  .split('\n')
  .slice(0, Number(limit))
  .map((line) => JSON.parse(line));
const pipe = await pipeline(model, { generationConfig: { maxNewTokens: 96 } });
const answers = [];
for (let first = 0; first < questions.length; first += 64) {
  const prompts = questions
    .slice(first, first + 64)
    .map(({ image, question }) => [question, pathToFileURL(join(heldOut, image))]);
  for (const { text: answer } of await pipe(prompts)) answers.push(JSON.stringify({ answer }));
  console.error(`${answers.length} of ${questions.length}`);
}
await writeFile(out, `${answers.join('\n')}\n`);
await pipe.close();
