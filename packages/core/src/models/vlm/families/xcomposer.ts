// InternLM-XComposer as its authors store it: an EVA tower, a Q-Former, one linear layer, and a row of its own before and
// behind those of an image; the decoder is InternLM with adapters. What the authors' code fixes may be in config.json, under
// the names that transformers gives the same in BLIP-2.
import { RawConfig } from '../../raw-config.js';
import { checkVisionConfig, readActivation, type VisionConfig } from '../../vision/vision-config.js';
import type { QFormerConfig } from '../qformer.js';
import type { ImageTiles, Placement, VlmConfig, VlmFamily } from '../vlm-config.js';
import { repeatMarker } from './llava.js';

/** `<TOKENS_UNUSED_2>`: the first piece that neither text nor the ends of turns have. */
const UNUSED_TOKEN = 103029;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  const tower = readTower(raw.object('vision_config') ?? new RawConfig({}));
  const numQueries = raw.count('num_query_token', 64, 4096);
  const qformer = readQFormer(raw.object('qformer_config') ?? new RawConfig({}), numQueries, tower.hiddenSize);
  return {
    imageTokenId: raw.ids('image_token_id')[0] ?? UNUSED_TOKEN,
    // The authors' code makes images ready itself.
    processor: (own) => ({
      image_processor_type: 'SiglipImageProcessor',
      size: { height: tower.imageSize, width: tower.imageSize },
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
      ...own,
    }),
    tower,
    keepsClassToken: true,
    pixelShuffle: 1,
    qformer,
    projector: [
      {
        ...{ name: 'projector', numInputs: qformer.hiddenSize, numOutputs: decoderHiddenSize },
        ...{ hasBias: true, activation: undefined },
      },
    ],
    hasNewline: false,
    extraRows: ['flag_image_start', 'flag_image_end'],
    maxRows: numQueries + 2,
    maxTaps: 1,
    place: (tiles) => placeBetweenFlags(tiles, numQueries),
    gridOf: () => ({ rows: 0, cols: 0 }),
    promptText: repeatMarker,
  };
}

/** The flags lie behind the rows of all tiles. */
function placeBetweenFlags({ numTiles }: ImageTiles, numQueries: number): Placement {
  const numRows = numTiles * numQueries;
  const rows = Array.from({ length: numRows }, (_, row) => row);
  return { numRows: numRows + 2, taps: 1, sources: Uint32Array.from([numRows, ...rows, numRows + 1]) };
}

function readTower(raw: RawConfig): VisionConfig {
  const hiddenSize = raw.count('hidden_size', 1408);
  const numHeads = raw.count('num_attention_heads', 16);
  return checkVisionConfig({
    hiddenSize,
    intermediateSize: raw.count('intermediate_size', 6144),
    numLayers: raw.count('num_hidden_layers', 39),
    numHeads,
    headDim: hiddenSize / numHeads,
    imageSize: raw.count('image_size', 224),
    patchSize: raw.count('patch_size', 14),
    numFrames: 1,
    norm: 'layer',
    normEpsilon: raw.positive('layer_norm_eps', 1e-6),
    postNormEpsilon: 1e-5,
    activation: readActivation(raw.text('hidden_act', 'gelu')),
    positions: 'learned',
    windows: undefined,
    hasFusedQkv: true,
    lacksKeyBias: true,
    hasClassToken: true,
    hasPreNorm: false,
    hasPostNorm: true,
    hasPatchBias: true,
    hasLayerScale: false,
  });
}

function readQFormer(raw: RawConfig, numQueries: number, numInputs: number): QFormerConfig {
  const hiddenSize = raw.count('hidden_size', 768);
  const numHeads = raw.count('num_attention_heads', 12);
  return {
    numQueries,
    numInputs,
    hiddenSize,
    intermediateSize: raw.count('intermediate_size', 3072),
    numLayers: raw.count('num_hidden_layers', 12, 256),
    crossFrequency: raw.count('cross_attention_frequency', 2),
    numHeads,
    headDim: hiddenSize / numHeads,
    normEpsilon: raw.positive('layer_norm_eps', 1e-12),
  };
}

const BLOCK = '^visual_encoder\\.blocks\\.(\\d+)\\.';

export const xcomposer: VlmFamily = {
  modelType: 'InternLMXComposer',
  architectures: ['InternLMXComposerForCausalLM'],
  decoderType: 'internlm',
  renames: [
    [/^visual_encoder\.patch_embed\.proj\./, 'vision.embeddings.patch_embedding.'],
    [/^visual_encoder\.pos_embed$/, 'vision.embeddings.position_embedding.weight'],
    [/^visual_encoder\.cls_token$/, 'vision.embeddings.class_embedding'],
    [new RegExp(`${BLOCK}norm([12])\\.`), 'vision.encoder.layers.$1.layer_norm$2.'],
    [new RegExp(`${BLOCK}attn\\.([qv])_bias$`), 'vision.encoder.layers.$1.self_attn.$2_proj.bias'],
    [new RegExp(`${BLOCK}attn\\.proj\\.`), 'vision.encoder.layers.$1.self_attn.out_proj.'],
    [new RegExp(`${BLOCK}attn\\.`), 'vision.encoder.layers.$1.self_attn.'],
    [new RegExp(BLOCK), 'vision.encoder.layers.$1.'],
    [/^ln_vision\./, 'vision.post_layernorm.'],
    [/^Qformer\.bert\./, 'qformer.'],
    [/^internlm_proj\./, 'projector.'],
    [/^internlm_model\./, ''],
  ],
  // What BERT has for text.
  ignored: /^qformer\.embeddings\.position_ids$|^Qformer\.cls\./,
  example: {
    model: 'internlm/internlm-xcomposer-vl-7b',
    config: {
      ...{ hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, vocab_size: 103170 },
      ...{ num_attention_heads: 32, bias: true, num_query_token: 64 },
      internlm_lora: { learn_param: ['q', 'v', 'ffn'], lora_alpha: 256, lora_r: 256 },
    },
  },
  readConfig,
};
