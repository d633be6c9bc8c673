// QWen-VL as its authors store it: a tower whose positions are stretched, a resampler to a fixed number of rows, a norm and a
// bare product; any ids between two others stand for the rows.
import { PagemindError } from '../../../errors.js';
import type { RawConfig } from '../../raw-config.js';
import { checkVisionConfig, type VisionConfig } from '../../vision/vision-config.js';
import type { ResamplerConfig } from '../resampler.js';
import { placeInOrder, type VlmConfig, type VlmFamily } from '../vlm-config.js';

/** What the authors' code fixes. */
const NORM_EPSILON = 1e-6;
const POSITIONS_SIDE = 16;
const RESAMPLER_HEAD_DIM = 128;
/** `<imgpad>` behind `<img>` and `</img>`. */
const [END, PAD] = [1, 2] as const;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const visual = raw.object('visual') ?? raw;
  const tower = readTower(visual);
  const resampler = readResampler(visual, tower);
  const { numQueries, hiddenSize } = resampler;
  if (hiddenSize !== decoderHiddenSize) {
    throw new PagemindError('invalid_config', `output_dim ${hiddenSize} is not hidden_size ${decoderHiddenSize}.`, {
      hint: 'Download the checkpoint again, or report it if the original file says so too.',
    });
  }
  const startId = visual.count('image_start_id');
  return {
    imageTokenId: startId + PAD,
    imageBounds: { startId, endId: startId + END },
    // The authors' code makes images ready itself.
    processor: (own) => ({
      image_processor_type: 'CLIPImageProcessor',
      size: { height: tower.imageSize, width: tower.imageSize },
      do_center_crop: false,
      ...own,
    }),
    tower,
    keepsClassToken: false,
    pixelShuffle: 1,
    resampler,
    projectorNorm: { name: 'projector.norm', epsilon: NORM_EPSILON },
    projector: [
      {
        ...{ name: 'projector.linear', numInputs: hiddenSize, numOutputs: hiddenSize, isTransposed: true },
        ...{ hasBias: false, activation: undefined },
      },
    ],
    hasNewline: false,
    maxRows: numQueries,
    maxTaps: 1,
    place: ({ numTiles }) => placeInOrder(numTiles * numQueries),
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: (_tiles, marker, numRows, number) => `Picture ${number}: <img>${marker.repeat(numRows)}</img>`,
  };
}

function readTower(visual: RawConfig): VisionConfig {
  const hiddenSize = visual.count('width');
  const numHeads = visual.count('heads');
  return checkVisionConfig({
    hiddenSize,
    intermediateSize: Math.floor(hiddenSize * visual.positive('mlp_ratio')),
    numLayers: visual.count('layers'),
    numHeads,
    headDim: hiddenSize / numHeads,
    imageSize: visual.count('image_size'),
    patchSize: visual.count('patch_size'),
    numFrames: 1,
    norm: 'layer',
    normEpsilon: NORM_EPSILON,
    activation: 'gelu',
    positions: 'learned',
    positionsSide: POSITIONS_SIDE,
    windows: undefined,
    hasFusedQkv: true,
    isQkvByHead: true,
    hasClassToken: false,
    hasPreNorm: true,
    hasPostNorm: false,
    hasPatchBias: false,
    hasLayerScale: false,
  });
}

function readResampler(visual: RawConfig, { hiddenSize: numInputs }: VisionConfig): ResamplerConfig {
  const hiddenSize = visual.count('output_dim');
  const numQueries = visual.count('n_queries', 256, 4096);
  if (!Number.isInteger(Math.sqrt(numQueries)) || hiddenSize % RESAMPLER_HEAD_DIM !== 0) {
    throw new PagemindError('unsupported_model', `${numQueries} queries of ${hiddenSize} elements cannot run here.`, {
      hint: `n_queries is a square number in published checkpoints, output_dim a multiple of ${RESAMPLER_HEAD_DIM}.`,
    });
  }
  const numHeads = hiddenSize / RESAMPLER_HEAD_DIM;
  return { numQueries, numInputs, hiddenSize, numHeads, headDim: RESAMPLER_HEAD_DIM, normEpsilon: NORM_EPSILON };
}

const NONE = /$^/;

export const qwenVl: VlmFamily = {
  modelType: 'qwen_vl',
  architectures: ['QWenLMHeadModel'],
  visionKey: 'visual',
  decoderType: 'qwen',
  renames: [
    [/^transformer\.visual\.conv1\./, 'vision.embeddings.patch_embedding.'],
    [/^transformer\.visual\.positional_embedding$/, 'vision.embeddings.position_embedding.weight'],
    [/^transformer\.visual\.ln_pre\./, 'vision.pre_layrnorm.'],
    [/^transformer\.visual\.transformer\.resblocks\.(\d+)\.ln_/, 'vision.encoder.layers.$1.layer_norm'],
    [/^transformer\.visual\.transformer\.resblocks\.(\d+)\.attn\.in_proj\./, 'vision.encoder.layers.$1.self_attn.qkv.'],
    [/^transformer\.visual\.transformer\.resblocks\.(\d+)\.attn\./, 'vision.encoder.layers.$1.self_attn.'],
    [/^transformer\.visual\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\./, 'vision.encoder.layers.$1.mlp.fc1.'],
    [/^transformer\.visual\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\./, 'vision.encoder.layers.$1.mlp.fc2.'],
    [/^transformer\.visual\.attn_pool\./, 'resampler.'],
    [/^transformer\.visual\.ln_post\./, 'projector.norm.'],
    [/^transformer\.visual\.proj$/, 'projector.linear.weight'],
  ],
  ignored: NONE,
  example: {
    model: 'Qwen/Qwen-VL-Chat',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 22016, num_hidden_layers: 32, vocab_size: 151936 },
      ...{ num_attention_heads: 32, kv_channels: 128 },
      visual: {
        ...{ image_size: 448, patch_size: 14, width: 1664, layers: 48, heads: 16, mlp_ratio: 4.9231 },
        ...{ output_dim: 4096, image_start_id: 151857 },
      },
    },
  },
  readConfig,
};
