// DeepSeek-VL as its authors store it: towers by name, their tensors under the names of timm and of SAM, queries, keys and
// values in one. The keys become those of transformers, and the families that read them do the rest.
import { PagemindError } from '../../../errors.js';
import type { Settings } from '../../../image/processor-config.js';
import type { TensorRenames } from '../../family.js';
import { RawConfig } from '../../raw-config.js';
import type { VlmConfig, VlmFamily } from '../vlm-config.js';
import { deepseekVl, deepseekVlHybrid } from './deepseek-vl.js';

/** The towers of all published checkpoints. */
const SIGLIP = {
  name: 'siglip_large_patch16_384',
  config: {
    ...{ model_type: 'siglip_vision_model', image_size: 384, patch_size: 16, hidden_act: 'gelu' },
    ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
  },
};
const SAM = { name: 'sam_b_downsample', config: { model_type: 'sam_vision_model' } };

/** Pillow's number of the filter that shrinks the larger square. */
const BILINEAR = 2;

function readConfig(raw: RawConfig, decoderHiddenSize: number): VlmConfig {
  if (raw.get('gen_vision_config')) refuse('it is Janus, which draws images, too');
  const vision = raw.object('vision_config') ?? raw;
  const isHybrid = vision.text('cls').includes('HybridVisionTower');
  const aligner = raw.object('aligner_config')?.object('params') ?? raw;
  const projector = isHybrid ? 'low_high_hybrid_split_mlp_gelu' : 'mlp_gelu';
  if (aligner.text('projector_type') !== projector) refuse(`its projector_type is not ${projector}`);
  if (aligner.count('depth', 1) !== 2) refuse('its projector does not have two layers');
  return isHybrid ? readHybrid(vision, decoderHiddenSize) : readSingle(vision, decoderHiddenSize);
}

function readSingle(vision: RawConfig, decoderHiddenSize: number): VlmConfig {
  const renamed = { image_token_id: 0, vision_config: towerConfig(vision, 'params', SIGLIP) };
  if (vision.object('params')?.get('pixel_mean')) refuse('its tower normalises pixels');
  return {
    ...asStored(deepseekVl.readConfig(new RawConfig(renamed), decoderHiddenSize)),
    processor: (own) => ({ ...own, image_processor_type: PROCESSOR, size: sideOf(own) }),
  };
}

function readHybrid(vision: RawConfig, decoderHiddenSize: number): VlmConfig {
  const params = vision.object('params') ?? vision;
  if (params.text('concat_type', 'tuple') !== 'tuple') refuse('the rows of its towers are not joined by its projector');
  const [low, high] = [params.object('low_res_cfg'), params.object('high_res_cfg')];
  const renamed = {
    image_token_id: 0,
    vision_config: towerConfig(params, 'low_res_cfg', SIGLIP),
    high_res_vision_config: towerConfig(params, 'high_res_cfg', SAM),
  };
  const config = asStored(deepseekVlHybrid.readConfig(new RawConfig(renamed), decoderHiddenSize));
  return {
    ...config,
    processor: (own) => {
      const side = sideOf(own);
      // Each of the towers normalises in its own way.
      if (own['do_normalize'] !== false) refuse('its processor normalises pixels, too');
      return {
        ...own,
        ...{ image_processor_type: PROCESSOR, do_normalize: true },
        ...{ high_res_size: side, size: config.tower.imageSize, resample: BILINEAR },
        ...{ high_res_image_mean: colour(high, 'pixel_mean'), high_res_image_std: colour(high, 'pixel_std') },
        ...{ image_mean: colour(low, 'pixel_mean'), image_std: colour(low, 'pixel_std') },
      };
    },
  };
}

/** What the two layouts do not share, and config.json does not say. */
function asStored(config: VlmConfig): VlmConfig {
  return { ...config, imageTokenId: { text: '<image_placeholder>' }, tower: { ...config.tower, hasFusedQkv: true } };
}

/** The tower of a name; sizes that stand beside the name, with the keys of transformers, count before. */
function towerConfig(owner: RawConfig, key: string, { name, config }: typeof SIGLIP | typeof SAM): Settings {
  const tower = owner.object(key);
  if (tower?.text('model_name') !== name) refuse(`its ${key} does not name the tower ${name}`);
  if ((tower?.get('select_layer') ?? undefined) !== -1) refuse(`its ${key} does not take the last layer`);
  return { ...config, ...(owner.get(key) as Settings) };
}

const PROCESSOR = 'VLMImageProcessor';

function sideOf(own: Settings): number {
  return new RawConfig(own, 'preprocessor_config.json').count('image_size');
}

function colour(tower: RawConfig | undefined, key: string): readonly number[] {
  return tower?.numbers(key, 3) ?? refuse(`one of its towers has no ${key}`);
}

function refuse(why: string): never {
  throw new PagemindError('unsupported_model', `This model with the architecture of DeepSeek-VL cannot run: ${why}.`, {
    hint: 'deepseek-ai/deepseek-vl-1.3b-chat, deepseek-vl-7b-chat and their base models run.',
  });
}

/** The names that timm and SAM agree on. */
function layersOf(tower: string, stem: string): TensorRenames {
  return [
    [new RegExp(`${tower}patch_embed\\.proj\\.`), `${stem}.embeddings.patch_embedding.`],
    [new RegExp(`${tower}pos_embed$`), `${stem}.embeddings.position_embedding.weight`],
    [new RegExp(`${tower}blocks\\.(\\d+)\\.norm([12])\\.`), `${stem}.encoder.layers.$1.layer_norm$2.`],
    [new RegExp(`${tower}blocks\\.(\\d+)\\.attn\\.proj\\.`), `${stem}.encoder.layers.$1.self_attn.out_proj.`],
    [new RegExp(`${tower}blocks\\.(\\d+)\\.attn\\.`), `${stem}.encoder.layers.$1.self_attn.`],
    [new RegExp(`${tower}blocks\\.(\\d+)\\.mlp\\.(?:fc|lin)`), `${stem}.encoder.layers.$1.mlp.fc`],
  ];
}

const LOW = '^vision_model\\.(?:vision_tower_low\\.)?vision_tower\\.';
const HIGH = '^vision_model\\.vision_tower_high\\.vision_tower\\.';

/** A neck: convolutions and norms in turns. */
function neckOf(neck: string, stem: string): TensorRenames {
  const parts = ['conv1', 'layer_norm1', 'conv2', 'layer_norm2'];
  return parts.map((part, i) => [new RegExp(`${HIGH}${neck}\\.${i}\\.`), `${stem}.${part}.`]);
}

export const multiModality: VlmFamily = {
  modelType: 'multi_modality',
  architectures: ['MultiModalityCausalLM'],
  textKey: 'language_config',
  renames: [
    ...layersOf(HIGH, 'high_res'),
    ...neckOf('neck', 'high_res.neck'),
    ...neckOf('neck_hd', 'high_res.early_neck'),
    [new RegExp(`${HIGH}downsamples\\.0\\.`), 'high_res.proj.conv1.'],
    [new RegExp(`${HIGH}downsamples\\.1\\.`), 'high_res.proj.conv2.'],
    [new RegExp(`${HIGH}hd_alpha_downsamples$`), 'high_res.alpha'],
    ...layersOf(LOW, 'vision'),
    [new RegExp(`${LOW}norm\\.`), 'vision.post_layernorm.'],
    [new RegExp(`${LOW}attn_pool\\.`), 'vision.head.'],
    // Of one tower, and of two.
    [/^aligner\.layers\.0\./, 'projector.linear1.'],
    [/^aligner\.layers\.2\./, 'projector.linear2.'],
    [/^aligner\.low_up_proj\./, 'projector.vision_proj.'],
    [/^aligner\.high_up_proj\./, 'projector.high_res_vision_proj.'],
    [/^aligner\.layers\.1\./, 'projector.proj.'],
    [/^language_model\./, ''],
  ],
  // SigLIP's pooling head, and norms that the authors' code has but does not call.
  ignored: /^(vision\.head|vision_model\.(high|low)_layer_norm)\./,
  example: {
    model: 'deepseek-ai/deepseek-vl-7b-chat',
    config: {
      language_config: deepseekVlHybrid.example?.config['text_config'],
      vision_config: {
        cls: 'HybridVisionTower',
        params: {
          low_res_cfg: { model_name: SIGLIP.name, select_layer: -1 },
          high_res_cfg: { model_name: SAM.name, select_layer: -1 },
        },
      },
      aligner_config: { params: { projector_type: 'low_high_hybrid_split_mlp_gelu', depth: 2 } },
    },
  },
  readConfig,
};
