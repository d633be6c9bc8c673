// The golden of InternVL in the layout of its authors: the same bytes under their names, queries, keys and values in one
// tensor, their keys of config.json. Not for use outside tests.
import { readFileSync } from 'node:fs';
import { memorySource } from '../load/memory-source.js';
import { type TensorData, writeSafetensors } from '../load/safetensors-writer.js';
import type { ModelSource } from '../load/source.js';
import { fixturesPath } from './fixtures.js';

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^vision_tower\.embeddings\.cls_token$/, 'vision_model.embeddings.class_embedding'],
  [/^vision_tower\.embeddings\.position_embeddings$/, 'vision_model.embeddings.position_embedding'],
  [/^vision_tower\.embeddings\.patch_embeddings\.projection\./, 'vision_model.embeddings.patch_embedding.'],
  [/^vision_tower\.encoder\.layer\.(\d+)\.attention\.projection_layer\./, 'vision_model.encoder.layers.$1.attn.proj.'],
  [/^vision_tower\.encoder\.layer\.(\d+)\.layernorm_before\./, 'vision_model.encoder.layers.$1.norm1.'],
  [/^vision_tower\.encoder\.layer\.(\d+)\.layernorm_after\./, 'vision_model.encoder.layers.$1.norm2.'],
  [/^vision_tower\.encoder\.layer\.(\d+)\.lambda_/, 'vision_model.encoder.layers.$1.ls'],
  [/^vision_tower\.encoder\.layer\./, 'vision_model.encoder.layers.'],
  [/^multi_modal_projector\.layer_norm\./, 'mlp1.0.'],
  [/^multi_modal_projector\.linear_1\./, 'mlp1.1.'],
  [/^multi_modal_projector\.linear_2\./, 'mlp1.3.'],
];
const PART = /^vision_tower\.encoder\.layer\.(\d+)\.attention\.[qkv]_proj\.(weight|bias)$/;

/** The checkpoint; its image token is the golden's. */
export function internvlOriginal(): ModelSource {
  const folder = fixturesPath('goldens/internvl');
  const read = (file: string): Record<string, unknown> => JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'));
  const { text_config, vision_config, image_token_id } = read('config.json');
  const { max_patches, image_mean, image_std } = read('preprocessor_config.json');
  const vision = vision_config as Record<string, unknown>;
  const [[image_size], [patch_size]] = [vision['image_size'], vision['patch_size']] as [[number], [number]];
  const config = {
    ...{ architectures: ['InternVLChatModel'], model_type: 'internvl_chat', ps_version: 'v2', select_layer: -1 },
    ...{ dynamic_image_size: true, use_thumbnail: true, max_dynamic_patch: max_patches, force_image_size: image_size },
    ...{ llm_config: text_config, downsample_ratio: 0.5 },
    vision_config: {
      ...vision,
      model_type: 'intern_vit_6b',
      image_size,
      patch_size,
      qkv_bias: true,
      qk_normalization: false,
    },
  };
  const preprocessor = { feature_extractor_type: 'CLIPFeatureExtractor', size: image_size, image_mean, image_std };
  return memorySource({
    'config.json': JSON.stringify(config),
    'preprocessor_config.json': JSON.stringify(preprocessor),
    'tokenizer.json': tokenizer(image_token_id as number),
    'model.safetensors': writeSafetensors(renamed(readFileSync(`${folder}/model.safetensors`))),
  });
}

/** One token an id, and one that means images. */
function tokenizer(imageTokenId: number): string {
  const vocab = Object.fromEntries(Array.from({ length: 200 }, (_, id) => [`<${id}>`, id]));
  delete vocab[`<${imageTokenId}>`];
  return JSON.stringify({
    added_tokens: [{ id: imageTokenId, content: '<IMG_CONTEXT>', special: true, normalized: false }],
    ...{ normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'ByteLevel' } },
    model: { type: 'BPE', vocab: { ...vocab, '<IMG_CONTEXT>': imageTokenId }, merges: [] },
  });
}

function renamed(file: Uint8Array): Record<string, TensorData> {
  const headerEnd = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const { __metadata__, ...header } = JSON.parse(new TextDecoder().decode(file.subarray(8, headerEnd)));
  const dataOf = (name: string): Uint8Array => {
    const [start, end] = header[name].data_offsets;
    return file.subarray(headerEnd + start, headerEnd + end);
  };
  const tensors: Record<string, TensorData> = {};
  for (const [name, { dtype, shape }] of Object.entries<TensorData>(header)) {
    const rule = NAMES.find(([pattern]) => pattern.test(name));
    if (!PART.test(name)) {
      tensors[rule ? name.replace(...rule) : name] = { dtype, shape, data: dataOf(name) };
    } else if (name.includes('.q_proj.')) {
      const parts = ['q', 'k', 'v'].map((part) => dataOf(name.replace('.q_proj.', `.${part}_proj.`)));
      const data = Uint8Array.from(parts.flatMap((part) => [...part]));
      const [numRows = 0, ...columns] = shape;
      tensors[name.replace(PART, 'vision_model.encoder.layers.$1.attn.qkv.$2')] = {
        ...{ dtype, shape: [3 * numRows, ...columns], data },
      };
    }
  }
  return tensors;
}
