// Finds the models that the browser tests run. No expectations here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '@playwright/test';
import { fixtureFolder, sharedFolder } from '../../tools/setup/fixtures.mjs';
import { repository } from '../../tools/setup/process.mjs';

/** Id of the model of the fixtures. */
export const MODEL = 'tinystories-656k';

const folder = fixtureFolder('models');

/** The model's folder; call it in tests that {@link needsModel} guards. */
export const MODEL_FOLDER: string = join(folder ?? '', MODEL);

/** The beginning of a text that the model knows the likes of; call it where {@link needsModel} guards. */
export function storyText(numChars: number): string {
  return readFileSync(join(fixtureFolder('text') ?? '', 'tinystories/tiny_stories.txt'), 'utf8').slice(0, numChars);
}

/** A GGUF file with vocabulary and chat template. */
export const GGUF_FILE: string = join(sharedFolder, 'goldens/llama-gguf-q40/model.gguf');

/** Tests of the file need the model: without it they are skipped by name, and with `CI` set they fail. */
export function needsModel(): void {
  test.skip(!folder && !process.env['CI'], `no model ${MODEL}: set PAGEMIND_FIXTURES`);
}

/** Folder of the demo page; `dist` is in it. */
export const DEMO_PACKAGE: string = join(repository, 'packages/demo-app');

/** Id of the model that comes with the demo page. */
export const EMBEDDED_MODEL = 'pagemind-sketch';

/** A prompt with what the model must say, computed in float64. */
export interface Golden {
  readonly prompt: string;
  readonly input_ids: readonly number[];
  readonly greedy_ids: readonly number[];
}

/** The golden whose tokens are chosen by the widest margins: no rounding of any adapter can change them. */
export function goldenOf(prompt: string): Golden {
  const { prompts } = JSON.parse(readFileSync(join(MODEL_FOLDER, 'golden.json'), 'utf8')) as { prompts: Golden[] };
  const golden = prompts.find((candidate) => candidate.prompt === prompt);
  if (!golden) throw new Error(`golden.json has no prompt '${prompt}'`);
  return golden;
}
