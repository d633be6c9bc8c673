// The list of all kernels, for tests, benchmarks and tuning. The engine imports each kernel from its own folder.
import { attentionDecode } from './attention-decode/attention-decode.js';
import { attentionEncoder } from './attention-encoder/attention-encoder.js';
import { attentionPrefill } from './attention-prefill/attention-prefill.js';
import { attentionReduce } from './attention-reduce/attention-reduce.js';
import { columnProducts } from './column-products/column-products.js';
import { columnStats } from './column-stats/column-stats.js';
import { digest } from './digest/digest.js';
import { embed } from './embed/embed.js';
import { gatherRows } from './gather-rows/gather-rows.js';
import type { KernelBase } from './kernel.js';
import { kvWrite } from './kv-write/kv-write.js';
import { layernorm } from './layernorm/layernorm.js';
import { linearMatmul } from './linear-matmul/linear-matmul.js';
import { linearMatvec } from './linear-matvec/linear-matvec.js';
import { moeMix } from './moe-mix/moe-mix.js';
import { moeRoute } from './moe-route/moe-route.js';
import { moeSort } from './moe-sort/moe-sort.js';
import { pack } from './pack/pack.js';
import { probeRead } from './probe-read/probe-read.js';
import { pseudoQuantize } from './pseudo-quantize/pseudo-quantize.js';
import { relativeScores } from './relative-scores/relative-scores.js';
import { repack } from './repack/repack.js';
import { rmsnorm } from './rmsnorm/rmsnorm.js';
import { rowErrors } from './row-errors/row-errors.js';
import { logprobs } from './sampling/logprobs.js';
import { samplePrepare } from './sampling/sample-prepare.js';
import { sampleSelect } from './sampling/sample-select.js';
import { countClear, countMark } from './sampling/token-counts.js';
import { tokenLogprobs } from './token-logprobs/token-logprobs.js';
import { turnHeads } from './turn-heads/turn-heads.js';

/** Every kernel of the package. */
export const kernels: readonly KernelBase[] = [
  attentionDecode,
  attentionEncoder,
  attentionPrefill,
  attentionReduce,
  columnProducts,
  columnStats,
  countClear,
  countMark,
  digest,
  embed,
  gatherRows,
  kvWrite,
  layernorm,
  linearMatmul,
  linearMatvec,
  logprobs,
  moeMix,
  moeRoute,
  moeSort,
  pack,
  probeRead,
  pseudoQuantize,
  relativeScores,
  repack,
  rmsnorm,
  rowErrors,
  samplePrepare,
  sampleSelect,
  tokenLogprobs,
  turnHeads,
];
