// The towers of Qwen2-VL and Qwen2.5-VL, which look at images in their own shape: how their configs map to VisionConfig.
// The missing keys of a config have the values of Hugging Face's config classes.
import { PagemindError } from '../../errors.js';
import type { RawConfig } from '../raw-config.js';
import { checkVisionConfig, readActivation, type VisionConfig } from './vision-config.js';

/** Rows of the largest square image: 1.0 megapixels. Processors may allow more; memory and the session seldom do. */
const MAX_SIDE_ROWS = 36;

/** What the two share. */
function readShared(raw: RawConfig, hiddenSize: number) {
  const numHeads = raw.count('num_heads', 16);
  const patchSize = raw.count('patch_size', 14, 256);
  return {
    hiddenSize,
    numLayers: raw.count('depth', 32),
    numHeads,
    headDim: hiddenSize / numHeads,
    imageSize: MAX_SIDE_ROWS * readMergeSize(raw) * patchSize,
    patchSize,
    numFrames: raw.count('temporal_patch_size', 2, 16),
    normEpsilon: 1e-6,
    positions: 'rotary',
    hasFusedQkv: true,
    hasClassToken: false,
    hasPreNorm: false,
    // The merger's norm goes over patches, before they are joined.
    hasPostNorm: true,
    hasPatchBias: false,
    hasLayerScale: false,
  } as const;
}

/** `spatial_merge_size`: patches a side of the blocks that make one row. */
export function readMergeSize(raw: RawConfig): number {
  return raw.count('spatial_merge_size', 2, 16);
}

/** Qwen2-VL: LayerNorm, a plain MLP, attention over the whole image. */
export function readQwen2VlTower(raw: RawConfig): VisionConfig {
  const hiddenSize = raw.count('embed_dim', 1280);
  return checkVisionConfig({
    ...readShared(raw, hiddenSize),
    intermediateSize: Math.floor(hiddenSize * raw.positive('mlp_ratio', 4)),
    norm: 'layer',
    activation: readActivation(raw.text('hidden_act', 'quick_gelu')),
    windows: undefined,
  });
}

/** Qwen2.5-VL: RMSNorm, an MLP with a gate, attention within windows but for some layers. */
export function readQwen25VlTower(raw: RawConfig): VisionConfig {
  const shared = readShared(raw, raw.count('hidden_size', 1280));
  const blockSide = readMergeSize(raw) * shared.patchSize;
  const blocks = Math.floor(raw.count('window_size', 112) / blockSide);
  return checkVisionConfig({
    ...shared,
    intermediateSize: raw.count('intermediate_size', 3420),
    norm: 'rms',
    activation: readGate(raw),
    windows: { side: blocks * readMergeSize(raw), fullLayers: raw.ids('fullatt_block_indexes') },
  });
}

function readGate(raw: RawConfig): 'silu_mul' {
  const name = raw.text('hidden_act', 'silu');
  if (name === 'silu') return 'silu_mul';
  throw new PagemindError('unsupported_model', `The activation '${name.slice(0, 40)}' of a gate is not supported.`, {
    hint: 'Known is silu.',
  });
}
