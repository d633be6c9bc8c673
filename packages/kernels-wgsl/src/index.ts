// Public names of @pagemind/kernels-wgsl.
export {
  type AttentionDecodeShape,
  attentionDecode,
  DEFAULT_SPLIT_SIZE,
  numPartialElements,
  numSplitsOf,
} from './attention-decode/attention-decode.js';
export {
  type AttentionEncoderShape,
  attentionEncoder,
  encoderTileRows,
} from './attention-encoder/attention-encoder.js';
export { type AttentionPrefillShape, attentionPrefill, tileTokens } from './attention-prefill/attention-prefill.js';
export { type AttentionReduceShape, attentionReduce } from './attention-reduce/attention-reduce.js';
export { type ColumnProductsShape, columnProducts } from './column-products/column-products.js';
export { type ColumnStatsShape, columnStats } from './column-stats/column-stats.js';
export { type DigestShape, digest } from './digest/digest.js';
export { type EmbedShape, embed } from './embed/embed.js';
export { type GatherRowsShape, gatherRows, NO_ROW } from './gather-rows/gather-rows.js';
export {
  type Binding,
  bindingsOf,
  type DeviceLimits,
  type DeviceProfile,
  type Kernel,
  type KernelBase,
  type KernelPlan,
  PORTABLE_LIMITS,
  type ShaderFeature,
  sourceOf,
  supports,
  type Variant,
  type Workgroups,
} from './kernel.js';
export { type KvShape, type KvType, kvPageBytes } from './kv-write/kv-cache.js';
export { type KvWriteShape, kvWrite } from './kv-write/kv-write.js';
export { type LayernormShape, layernorm } from './layernorm/layernorm.js';
export { type HeadTraits, learnedLayout, type QueryKeyNorm, type ScoreTraits } from './lib/attention-traits.js';
export { FROM_STATE, IMAGE_ROW } from './lib/row.js';
export { linearMatmul } from './linear-matmul/linear-matmul.js';
export { type Epilogue, type ExpertUse, isGated, type LinearShape } from './linear-matvec/linear.js';
export { type LinearMatvecShape, linearMatvec } from './linear-matvec/linear-matvec.js';
export { type MoeMixShape, moeMix } from './moe-mix/moe-mix.js';
export { MAX_CHOSEN_EXPERTS, MAX_EXPERTS, type MoeRouteShape, moeRoute } from './moe-route/moe-route.js';
export { type MoeSortShape, maxExpertTiles, moeSort } from './moe-sort/moe-sort.js';
export * from './pack/pack.js';
export { type ProbeReadShape, probeRead } from './probe-read/probe-read.js';
export { type PseudoQuantizeShape, pseudoQuantize } from './pseudo-quantize/pseudo-quantize.js';
export { type RelativeScoresShape, relativeScores } from './relative-scores/relative-scores.js';
export * from './repack/repack.js';
export { type RmsnormShape, rmsnorm } from './rmsnorm/rmsnorm.js';
export { type RowErrorsShape, rowErrors } from './row-errors/row-errors.js';
export { logprobs } from './sampling/logprobs.js';
export {
  DEFAULT_RING,
  type DrawnLogprobs,
  LOGPROBS_ENTRY_BYTES,
  type Logprob,
  logprobsBytes,
  MAX_TOP_LOGPROBS,
  readLogprobs,
  readRingEntry,
  sampleLogprobsBytes,
  sampleRingBytes,
} from './sampling/ring.js';
export { samplePrepare } from './sampling/sample-prepare.js';
export { sampleSelect } from './sampling/sample-select.js';
export {
  MAX_BIASES,
  MAX_STOP_IDS,
  type SampleShape,
  SLOT_PARAMS_BYTES,
  SLOT_STATE_BYTES,
  SLOT_VERIFIES_OFFSET,
  type SlotSampling,
  sampleCountsBytes,
  sampleKeysBytes,
  samplePartialsBytes,
  writeSlotParams,
} from './sampling/sampling-buffers.js';
export { countClear, countMark } from './sampling/token-counts.js';
export { fillTokenMarks, type TokenMarks, tokenMarksBytes } from './sampling/token-marks.js';
export { type TokenLogprobsShape, tokenLogprobs } from './token-logprobs/token-logprobs.js';
export { type TurnHeadsShape, turnHeads } from './turn-heads/turn-heads.js';
