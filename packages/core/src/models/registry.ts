// The families, as an explicit list: a new one is one file and one line here.
import { PagemindError } from '../errors.js';
import { checkDecoderConfig, type DecoderConfig } from './decoder-config.js';
import { baichuan } from './families/baichuan.js';
import { deepseek } from './families/deepseek.js';
import { gemma, gemma2, gemma3 } from './families/gemma.js';
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
import type { Family } from './family.js';
import { RawConfig } from './raw-config.js';

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
  mixtral,
  qwen2Moe,
  qwen3Moe,
  deepseek,
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
    const found = named[0] ?? modelType;
    throw new PagemindError('unsupported_model', `The architecture '${found.slice(0, 80)}' is not supported.`, {
      hint: `Supported are ${FAMILIES.flatMap((known) => known.architectures).join(', ')}.`,
    });
  }
  return { family, config: checkDecoderConfig(family.readConfig(raw)) };
}
