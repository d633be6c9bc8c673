// The families, as an explicit list: a new one is one file and one line here.
import { PagemindError } from '../errors.js';
import { checkDecoderConfig, type DecoderConfig } from './decoder-config.js';
import { baichuan } from './families/baichuan.js';
import { chatglm } from './families/chatglm.js';
import { dbrx } from './families/dbrx.js';
import { deepseek } from './families/deepseek.js';
import { falcon } from './families/falcon.js';
import { gemma, gemma2, gemma3 } from './families/gemma.js';
import { gpt2 } from './families/gpt2.js';
import { granite } from './families/granite.js';
import { internlm, internlm2 } from './families/internlm2.js';
import { llama } from './families/llama.js';
import { mistral } from './families/mistral.js';
import { mixtral } from './families/mixtral.js';
import { olmo2 } from './families/olmo2.js';
import { phi3 } from './families/phi3.js';
import { qwen } from './families/qwen.js';
import { qwen2Moe, qwen3Moe } from './families/qwen-moe.js';
import { qwen2 } from './families/qwen2.js';
import { qwen3 } from './families/qwen3.js';
import { smollm3 } from './families/smollm3.js';
import { starcoder2 } from './families/starcoder2.js';
import type { Family } from './family.js';
import { RawConfig } from './raw-config.js';
import { VLM_FAMILIES } from './vlm/registry.js';

/** Every family this build knows. */
export const FAMILIES: readonly Family[] = [
  llama,
  qwen2,
  internlm2,
  mistral,
  qwen3,
  phi3,
  gemma,
  gemma2,
  gemma3,
  olmo2,
  smollm3,
  granite,
  qwen,
  baichuan,
  internlm,
  chatglm,
  falcon,
  starcoder2,
  gpt2,
  mixtral,
  qwen2Moe,
  qwen3Moe,
  deepseek,
  dbrx,
];

/**
 * Finds the family of a config.json, by architecture first, then by model type, and reads its config.
 * @throws PagemindError `unsupported_model` naming what was found and what is known; `invalid_config`.
 */
export function resolveFamily(values: Readonly<Record<string, unknown>>): {
  readonly family: Family;
  readonly config: DecoderConfig;
} {
  const raw = new RawConfig(values);
  const architectures = raw.get('architectures');
  const named = Array.isArray(architectures) ? architectures.map(String) : [];
  const modelType = String(raw.get('model_type') ?? '');
  const family =
    FAMILIES.find((candidate) => candidate.architectures.some((name) => named.includes(name))) ??
    FAMILIES.find((candidate) => named.length === 0 && candidate.modelType === modelType);
  if (!family) {
    const found = (named[0] ?? modelType).slice(0, 80);
    const known = [...new Set([...FAMILIES, ...VLM_FAMILIES].flatMap(({ architectures }) => architectures))];
    throw new PagemindError('unsupported_model', `The architecture '${found}' is not supported.`, {
      hint: `The nearest by name that is: ${nearestName(found, known)}. Supported are ${known.join(', ')}.`,
    });
  }
  return { family, config: checkDecoderConfig(family.readConfig(raw)) };
}

/** The name that shares most with another: letters that they begin with alike count double, edits against them. */
function nearestName(name: string, known: readonly string[]): string {
  const stem = (one: string): string =>
    one.toLowerCase().replace(/(for(causallm|conditionalgeneration)|lmheadmodel|model)$/, '');
  const scoreOf = (one: string): number => {
    const [a, b] = [stem(name), stem(one)];
    let shared = 0;
    while (shared < a.length && a[shared] === b[shared]) shared++;
    return 2 * shared - editDistance(a, b);
  };
  return known.reduce((best, one) => (scoreOf(one) > scoreOf(best) ? one : best));
}

/** Letters to insert, to delete or to exchange. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const above = row;
    row = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = (above[j - 1] as number) + (letter === b[j - 1] ? 0 : 1);
      row.push(Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, exchanged));
    }
  }
  return row.at(-1) as number;
}
