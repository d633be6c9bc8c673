// Goldens in the layouts of their models' authors: the same bytes under their names, queries, keys and values in one tensor,
// their keys of config.json. Not for use outside tests.
import { readFileSync } from 'node:fs';
import { memorySource } from '../load/memory-source.js';
import { type TensorData, writeSafetensors } from '../load/safetensors-writer.js';
import type { ModelSource } from '../load/source.js';
import type { TensorRenames } from '../models/family.js';
import { fixturesPath } from './fixtures.js';

/** What is in a golden's files. */
type Json = Readonly<Record<string, unknown>>;

/** How tensors are called: each of queries as the pattern has it, those of all three as it becomes. */
interface Naming {
  readonly names: TensorRenames;
  readonly fused?: readonly [RegExp, string];
}

/** A golden in another layout. */
interface Layout extends Naming {
  readonly config: Json;
  readonly preprocessor: Json;
  /** The text of its image token. */
  readonly imageToken: string;
}

interface Golden {
  readonly config: Json;
  readonly preprocessor: Json;
  readonly weights: Uint8Array;
}

function openGolden(golden: string): Golden {
  const read = (file: string): Buffer => readFileSync(fixturesPath(`goldens/${golden}/${file}`));
  const json = (file: string): Json => JSON.parse(read(file).toString());
  return {
    config: json('config.json'),
    preprocessor: json('preprocessor_config.json'),
    weights: read('model.safetensors'),
  };
}

/** @param layoutOf what its files become */
function rewritten(golden: string, layoutOf: (config: Json, preprocessor: Json) => Layout): ModelSource {
  const own = openGolden(golden);
  const { config, preprocessor, imageToken, ...naming } = layoutOf(own.config, own.preprocessor);
  const imageTokenId = (own.config['image_token_id'] ?? own.config['image_token_index']) as number;
  const { vocab_size: numTokens } = own.config['text_config'] as { readonly vocab_size: number };
  return memorySource({
    'config.json': JSON.stringify(config),
    'preprocessor_config.json': JSON.stringify(preprocessor),
    'tokenizer.json': tokenizer(numTokens, imageTokenId, imageToken),
    'model.safetensors': writeSafetensors(renamed(own.weights, naming)),
  });
}

export function internvlOriginal(): ModelSource {
  return rewritten('internvl', ({ text_config, vision_config }, { max_patches, image_mean, image_std }) => {
    const vision = vision_config as Json;
    const [[image_size], [patch_size]] = [vision['image_size'], vision['patch_size']] as [[number], [number]];
    return {
      ...INTERNVL,
      config: {
        ...{ architectures: ['InternVLChatModel'], model_type: 'internvl_chat', ps_version: 'v2', select_layer: -1 },
        ...{ dynamic_image_size: true, use_thumbnail: true, max_dynamic_patch: max_patches },
        ...{ force_image_size: image_size, llm_config: text_config, downsample_ratio: 0.5 },
        vision_config: {
          ...{ ...vision, model_type: 'intern_vit_6b', image_size, patch_size },
          ...{ qkv_bias: true, qk_normalization: false },
        },
      },
      preprocessor: { feature_extractor_type: 'CLIPFeatureExtractor', size: image_size, image_mean, image_std },
      imageToken: '<IMG_CONTEXT>',
    };
  });
}

const INTERNVL: Naming = {
  names: [
    [/^vision_tower\.embeddings\.cls_token$/, 'vision_model.embeddings.class_embedding'],
    [/^vision_tower\.embeddings\.position_embeddings$/, 'vision_model.embeddings.position_embedding'],
    [/^vision_tower\.embeddings\.patch_embeddings\.projection\./, 'vision_model.embeddings.patch_embedding.'],
    [
      /^vision_tower\.encoder\.layer\.(\d+)\.attention\.projection_layer\./,
      'vision_model.encoder.layers.$1.attn.proj.',
    ],
    [/^vision_tower\.encoder\.layer\.(\d+)\.layernorm_before\./, 'vision_model.encoder.layers.$1.norm1.'],
    [/^vision_tower\.encoder\.layer\.(\d+)\.layernorm_after\./, 'vision_model.encoder.layers.$1.norm2.'],
    [/^vision_tower\.encoder\.layer\.(\d+)\.lambda_/, 'vision_model.encoder.layers.$1.ls'],
    [/^vision_tower\.encoder\.layer\./, 'vision_model.encoder.layers.'],
    [/^multi_modal_projector\.layer_norm\./, 'mlp1.0.'],
    [/^multi_modal_projector\.linear_1\./, 'mlp1.1.'],
    [/^multi_modal_projector\.linear_2\./, 'mlp1.3.'],
  ],
  fused: [
    /^vision_tower\.encoder\.layer\.(\d+)\.attention\.[qkv]_proj\.(weight|bias)$/,
    'vision_model.encoder.layers.$1.attn.qkv.$2',
  ],
};

/** The model of 1.3B. */
export function deepseekVlOriginal(): ModelSource {
  return rewritten('deepseek_vl', ({ text_config, vision_config }, { size, image_mean, image_std, min_size }) => ({
    ...deepseekNaming('vision_model.vision_tower'),
    config: {
      ...{ architectures: ['MultiModalityCausalLM'], model_type: 'multi_modality', language_config: text_config },
      vision_config: { cls: 'CLIPVisionTower', params: siglip(vision_config) },
      aligner_config: { cls: 'MlpProjector', params: { depth: 2, projector_type: 'mlp_gelu' } },
    },
    preprocessor: {
      ...{ image_processor_type: 'VLMImageProcessor', image_size: (size as { height: number }).height },
      ...{ image_mean, image_std, min_size, do_normalize: true },
    },
    imageToken: '<image_placeholder>',
  }));
}

/** The model of 7B. */
export function deepseekVlHybridOriginal(): ModelSource {
  return rewritten('deepseek_vl_hybrid', ({ text_config, vision_config, high_res_vision_config }, preprocessor) => {
    const { image_mean, image_std, high_res_image_mean, high_res_image_std, high_res_size, min_size } = preprocessor;
    return {
      ...deepseekNaming('vision_model.vision_tower_low.vision_tower'),
      config: {
        ...{ architectures: ['MultiModalityCausalLM'], model_type: 'multi_modality', language_config: text_config },
        vision_config: {
          cls: 'HybridVisionTower',
          params: {
            concat_type: 'tuple',
            high_res_cfg: {
              ...(high_res_vision_config as Json),
              ...{ model_name: 'sam_b_downsample', select_layer: -1 },
              ...{ pixel_mean: high_res_image_mean, pixel_std: high_res_image_std },
            },
            low_res_cfg: { ...siglip(vision_config), pixel_mean: image_mean, pixel_std: image_std },
          },
        },
        aligner_config: {
          cls: 'MlpProjector',
          params: { depth: 2, projector_type: 'low_high_hybrid_split_mlp_gelu' },
        },
      },
      preprocessor: {
        ...{ image_processor_type: 'VLMImageProcessor', image_size: (high_res_size as { height: number }).height },
        ...{ image_mean: high_res_image_mean, image_std: high_res_image_std, min_size, do_normalize: false },
      },
      imageToken: '<image_placeholder>',
    };
  });
}

/** The golden's activation is that of transformers' config class, not of the authors' tower. */
function siglip(vision: unknown): Json {
  const tower = { model_name: 'siglip_large_patch16_384', select_layer: -1, hidden_act: 'gelu_pytorch_tanh' };
  return { ...tower, ...(vision as Json) };
}

const SIGLIP = '^model\\.vision_model\\.vision_model\\.';
const SAM = '^model\\.high_res_vision_model\\.vision_encoder\\.';
const HIGH = 'vision_model.vision_tower_high.vision_tower';

/** @param low stem of SigLIP's tensors */
function deepseekNaming(low: string): Naming {
  const neck = (stem: string, to: string): TensorRenames =>
    ['conv1', 'layer_norm1', 'conv2', 'layer_norm2'].map((part, i) => [
      new RegExp(`${stem}${part}\\.`),
      `${HIGH}.${to}.${i}.`,
    ]);
  return {
    names: [
      [new RegExp(`${SIGLIP}embeddings\\.patch_embedding\\.`), `${low}.patch_embed.proj.`],
      [new RegExp(`${SIGLIP}embeddings\\.position_embedding\\.weight$`), `${low}.pos_embed`],
      [new RegExp(`${SIGLIP}encoder\\.layers\\.(\\d+)\\.layer_norm`), `${low}.blocks.$1.norm`],
      [new RegExp(`${SIGLIP}encoder\\.layers\\.(\\d+)\\.self_attn\\.out_proj\\.`), `${low}.blocks.$1.attn.proj.`],
      [new RegExp(`${SIGLIP}encoder\\.layers\\.`), `${low}.blocks.`],
      [new RegExp(`${SIGLIP}post_layernorm\\.`), `${low}.norm.`],
      [new RegExp(`${SIGLIP}head\\.`), `${low}.attn_pool.`],
      [new RegExp(`${SAM}patch_embed\\.projection\\.`), `${HIGH}.patch_embed.proj.`],
      [new RegExp(`${SAM}layers\\.(\\d+)\\.layer_norm`), `${HIGH}.blocks.$1.norm`],
      [new RegExp(`${SAM}layers\\.`), `${HIGH}.blocks.`],
      ...neck(`${SAM}neck\\.`, 'neck'),
      ...neck('^model\\.high_res_vision_neck\\.', 'neck_hd'),
      [new RegExp(SAM), `${HIGH}.`],
      [/^model\.high_res_vision_proj\.conv1\./, `${HIGH}.downsamples.0.`],
      [/^model\.high_res_vision_proj\.conv2\./, `${HIGH}.downsamples.1.`],
      [/^model\.high_res_vision_alpha$/, `${HIGH}.hd_alpha_downsamples`],
      [/^model\.aligner\.linear1\./, 'aligner.layers.0.'],
      [/^model\.aligner\.linear2\./, 'aligner.layers.2.'],
      [/^model\.aligner\.high_res_vision_proj\./, 'aligner.high_up_proj.'],
      [/^model\.aligner\.vision_proj\./, 'aligner.low_up_proj.'],
      [/^model\.aligner\.proj\./, 'aligner.layers.1.'],
      [/^model\.language_model\./, 'language_model.model.'],
      [/^lm_head\./, 'language_model.lm_head.'],
    ],
    fused: [
      new RegExp(`${SIGLIP}encoder\\.layers\\.(\\d+)\\.self_attn\\.[qkv]_proj\\.(weight|bias)$`),
      `${low}.blocks.$1.attn.qkv.$2`,
    ],
  };
}

/** The golden's tower has the layers that are used; that of a checkpoint has another, which is not stored. */
export function llavaQwenOriginal(): ModelSource {
  return rewritten('llava_onevision', (own, { size, image_mean, image_std }) => {
    const { text_config, vision_config, image_grid_pinpoints, vision_aspect_ratio, image_token_index } = own;
    const vision = vision_config as { readonly num_hidden_layers: number };
    const widthFirst = (image_grid_pinpoints as number[][]).map((pair) => pair.toReversed());
    return {
      ...LLAVA,
      config: {
        ...{ ...(text_config as Json), architectures: ['LlavaQwenForCausalLM'], model_type: 'llava' },
        ...{ image_aspect_ratio: vision_aspect_ratio, image_grid_pinpoints: widthFirst, image_token_index },
        ...{ mm_patch_merge_type: 'spatial_unpad', mm_projector_type: 'mlp2x_gelu', mm_vision_select_layer: -2 },
        mm_vision_tower: 'google/siglip-so400m-patch14-384',
        vision_config: { ...vision, num_hidden_layers: vision.num_hidden_layers + 1 },
      },
      preprocessor: { size, image_mean, image_std },
      imageToken: '<image>',
    };
  });
}

/** LLaVA with a projector of another kind, its tower in a folder of its own. */
export function llavaOriginal(mm_projector_type: string, projector: Record<string, TensorData>): ModelSource {
  const { config, preprocessor, weights } = openGolden('llava');
  const { text_config, vision_config, vision_feature_layer, image_token_index } = config;
  const tensors = Object.entries(renamed(weights, LLAVA));
  const stem = 'model.vision_tower.vision_tower.';
  const tower = tensors.flatMap(([name, data]) => (name.startsWith(stem) ? [[name.slice(stem.length), data]] : []));
  const others = tensors.filter(([name]) => !/^model\.(vision_tower|mm_projector)\./.test(name));
  return memorySource({
    'config.json': JSON.stringify({
      ...{ ...(text_config as Json), architectures: ['LlavaLlamaForCausalLM'], model_type: 'llava' },
      ...{ mm_projector_type, mm_vision_tower: './vit/small', mm_vision_select_layer: vision_feature_layer },
      image_token_index,
    }),
    'model.safetensors': writeSafetensors({ ...Object.fromEntries(others), ...projector }),
    'vit/small/config.json': JSON.stringify(vision_config),
    'vit/small/preprocessor_config.json': JSON.stringify(preprocessor),
    'vit/small/model.safetensors': writeSafetensors(Object.fromEntries(tower)),
  });
}

const LLAVA: Naming = {
  names: [
    [/^vision_tower\./, 'model.vision_tower.vision_tower.'],
    [/^multi_modal_projector\.linear_1\./, 'model.mm_projector.0.'],
    [/^multi_modal_projector\.linear_2\./, 'model.mm_projector.2.'],
    [/^image_newline$/, 'model.image_newline'],
    [/^language_model\./, ''],
  ],
};

/** One token an id, and one that means images. */
function tokenizer(numTokens: number, imageTokenId: number, imageToken: string): string {
  const vocab = Object.fromEntries(Array.from({ length: numTokens }, (_, id) => [`<${id}>`, id]));
  delete vocab[`<${imageTokenId}>`];
  return JSON.stringify({
    added_tokens: [{ id: imageTokenId, content: imageToken, special: true, normalized: false }],
    ...{ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'ByteLevel' } },
    model: { type: 'BPE', vocab: { ...vocab, [imageToken]: imageTokenId }, merges: [] },
  });
}

function renamed(file: Uint8Array, { names, fused }: Naming): Record<string, TensorData> {
  const headerEnd = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(file.subarray(8, headerEnd)));
  const dataOf = (name: string): Uint8Array => {
    const [start, end] = header[name].data_offsets;
    return file.subarray(headerEnd + start, headerEnd + end);
  };
  const tensors: Record<string, TensorData> = {};
  for (const [name, { dtype, shape }] of Object.entries<TensorData>(header)) {
    const rule = names.find(([pattern]) => pattern.test(name));
    if (!fused?.[0].test(name)) {
      const newName = rule ? name.replace(...rule) : name;
      // timm's table has one more dimension.
      const isTable = newName.endsWith('.pos_embed') && shape.length === 2;
      tensors[newName] = { dtype, shape: isTable ? [1, ...shape] : shape, data: dataOf(name) };
    } else if (name.includes('.q_proj.')) {
      const parts = ['q', 'k', 'v'].map((part) => dataOf(name.replace('.q_proj.', `.${part}_proj.`)));
      const data = Uint8Array.from(parts.flatMap((part) => [...part]));
      const [numRows = 0, ...columns] = shape;
      tensors[name.replace(...fused)] = { dtype, shape: [3 * numRows, ...columns], data };
    }
  }
  return tensors;
}
