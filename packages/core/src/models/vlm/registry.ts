// The vision-language families, as an explicit list: a new one is one file and one line here.
import { deepseekVl, deepseekVlHybrid } from './families/deepseek-vl.js';
import { multiModality } from './families/deepseek-vl-original.js';
import { idefics3, smolvlm } from './families/idefics3.js';
import { internvl } from './families/internvl.js';
import { internvlChat } from './families/internvl-original.js';
import { llava } from './families/llava.js';
import { llavaNext, llavaOnevision } from './families/llava-next.js';
import { llavaLlama, llavaMistral, llavaQwen } from './families/llava-original.js';
import { qwenVl } from './families/qwen-vl.js';
import { qwen2Vl, qwen25Vl } from './families/qwen2-vl.js';
import { xcomposer } from './families/xcomposer.js';
import type { VlmFamily } from './vlm-config.js';

/** Every vision-language family this build knows. */
export const VLM_FAMILIES: readonly VlmFamily[] = [
  llava,
  llavaNext,
  llavaOnevision,
  idefics3,
  smolvlm,
  deepseekVl,
  deepseekVlHybrid,
  internvl,
  qwen2Vl,
  qwen25Vl,
  qwenVl,
  xcomposer,
  llavaLlama,
  llavaMistral,
  llavaQwen,
  internvlChat,
  multiModality,
];
