// DeepSeek-VL: a SigLIP tower with its last norm, a two-layer projector, every row of the one tile in order. That of 7B has
// SAM's tower beside, which sees the same picture in more pixels.
import { PagemindError } from '../../../errors.js';
import { RawConfig } from '../../raw-config.js';
import { readSamConfig, samWidth } from '../../vision/sam-config.js';
import { readVisionConfig } from '../../vision/towers.js';
import { numPatches, patchesPerSide } from '../../vision/vision-config.js';
import { type ProjectorLayer, placeInOrder, type VlmConfig, type VlmFamily } from '../vlm-config.js';
import { readImageToken, repeatMarker } from './llava.js';

export const deepseekVl: VlmFamily = {
  modelType: 'deepseek_vl',
  architectures: ['DeepseekVLForConditionalGeneration'],
  renames: [
    [/^(model\.)?vision_model\.(vision_model\.)?/, 'vision.'],
    [/^(model\.)?aligner\./, 'projector.'],
    [/^model\.language_model\./, 'model.'],
    [/^language_model\./, ''],
  ],
  // SigLIP's pooling head.
  ignored: /^vision\.head\./,
  example: {
    model: 'deepseek-community/deepseek-vl-1.3b-chat',
    config: {
      image_token_id: 100015,
      text_config: {
        ...{ model_type: 'llama', hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24 },
        ...{ vocab_size: 102400, num_attention_heads: 16, num_key_value_heads: 16 },
      },
      vision_config: {
        ...{ model_type: 'siglip_vision_model', image_size: 384, patch_size: 16 },
        ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
      },
    },
  },
  readConfig: (raw, decoderHiddenSize) =>
    readDeepseekVl(raw, decoderHiddenSize, 'projector.linear1', 'projector.linear2'),
};

function readDeepseekVl(raw: RawConfig, decoderHiddenSize: number, first: string, second: string): VlmConfig {
  const tower = readVisionConfig(raw.object('vision_config') ?? raw, { featureLayer: -1, hasPostNorm: true });
  const numRows = numPatches(tower);
  const layer = { numOutputs: decoderHiddenSize, hasBias: true };
  return {
    imageTokenId: readImageToken(raw),
    tower,
    keepsClassToken: false,
    pixelShuffle: 1,
    projector: [
      { ...layer, name: first, numInputs: tower.hiddenSize, activation: 'gelu' },
      { ...layer, name: second, numInputs: decoderHiddenSize, activation: undefined },
    ],
    hasNewline: false,
    maxRows: numRows,
    maxTaps: 1,
    place: ({ numTiles }) => placeInOrder(numTiles * numRows),
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: repeatMarker,
  };
}

/** Each tower makes half of a row between the two layers, which its GELU sees element by element. */
function readHybrid(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const one = readDeepseekVl(raw, decoderHiddenSize, 'projector.vision_proj', 'projector.proj');
  if (decoderHiddenSize % 8 !== 0) {
    throw new PagemindError('unsupported_model', `Half of the hidden size ${decoderHiddenSize} is no multiple of 4.`, {
      hint: 'See the table of what works in the README.',
    });
  }
  const half = (layer: ProjectorLayer): ProjectorLayer => ({ ...layer, numOutputs: decoderHiddenSize / 2 });
  const [first, second] = one.projector as readonly [ProjectorLayer, ProjectorLayer];
  const sam = readSamConfig(raw.object('high_res_vision_config') ?? new RawConfig({}), patchesPerSide(one.tower));
  return {
    ...one,
    projector: [half(first), second],
    highRes: {
      sam,
      projector: half({ ...first, name: 'projector.high_res_vision_proj', numInputs: samWidth(sam) }),
    },
  };
}

/** Prefix of SAM's tower, as transformers names it. */
const SAM = '^(?:model\\.)?high_res_vision_model\\.vision_encoder\\.';

export const deepseekVlHybrid: VlmFamily = {
  ...deepseekVl,
  modelType: 'deepseek_vl_hybrid',
  architectures: ['DeepseekVLHybridForConditionalGeneration'],
  renames: [
    [new RegExp(`${SAM}patch_embed\\.projection\\.`), 'high_res.embeddings.patch_embedding.'],
    [new RegExp(`${SAM}pos_embed$`), 'high_res.embeddings.position_embedding.weight'],
    [new RegExp(`${SAM}layers\\.(\\d+)\\.attn\\.proj\\.`), 'high_res.encoder.layers.$1.self_attn.out_proj.'],
    [new RegExp(`${SAM}layers\\.(\\d+)\\.attn\\.`), 'high_res.encoder.layers.$1.self_attn.'],
    [new RegExp(`${SAM}layers\\.(\\d+)\\.mlp\\.lin`), 'high_res.encoder.layers.$1.mlp.fc'],
    [new RegExp(`${SAM}layers\\.`), 'high_res.encoder.layers.'],
    [new RegExp(`${SAM}neck\\.`), 'high_res.neck.'],
    [/^(model\.)?high_res_vision_neck\./, 'high_res.early_neck.'],
    [/^(model\.)?high_res_vision_proj\./, 'high_res.proj.'],
    [/^(model\.)?high_res_vision_alpha$/, 'high_res.alpha'],
    ...deepseekVl.renames,
  ],
  example: {
    model: 'deepseek-community/deepseek-vl-7b-chat',
    config: {
      image_token_id: 100015,
      text_config: {
        ...{ model_type: 'llama', hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 30 },
        ...{ vocab_size: 102400, num_attention_heads: 32, num_key_value_heads: 32 },
      },
      vision_config: deepseekVl.example?.config['vision_config'],
      high_res_vision_config: { model_type: 'sam_vision_model', global_attn_indexes: [2, 5, 8, 11] },
    },
  },
  readConfig: readHybrid,
};
