// InternVL in its authors' layout: which of their keys count, where images are cut, and what cannot run.
import { describe, expect, it } from 'vitest';
import { RawConfig } from '../../raw-config.js';
import { internvlChat } from './internvl-original.js';

const VISION = {
  ...{ model_type: 'intern_vit_6b', image_size: 28, patch_size: 7, hidden_size: 8, intermediate_size: 16 },
  ...{ num_attention_heads: 2, num_hidden_layers: 2, norm_type: 'layer_norm', qkv_bias: true, qk_normalization: false },
};
const CONFIG = {
  ...{ ps_version: 'v2', downsample_ratio: 0.5, force_image_size: 28, select_layer: -1, pad2square: false },
  ...{ dynamic_image_size: true, use_thumbnail: true, max_dynamic_patch: 6, vision_config: VISION },
};
const readWith = (change: object) => internvlChat.readConfig(new RawConfig({ ...CONFIG, ...change }), 16);

describe('internvl in its original layout', () => {
  it('has the tower of the other, with fused projections, and leaves its image token to the tokenizer', () => {
    const config = readWith({});
    expect(config.imageTokenId).toEqual({ text: '<IMG_CONTEXT>' });
    expect(config.tower).toMatchObject({
      hasFusedQkv: true,
      hasLayerScale: true,
      hasPostNorm: false,
      normEpsilon: 1e-6,
    });
    expect(config.projector).toMatchObject([{ numInputs: 32 }, { numInputs: 16 }]);
  });

  it('cuts images as config.json says, whatever the processor’s file makes of one tile', () => {
    const own = { feature_extractor_type: 'CLIPFeatureExtractor', size: 28, image_mean: [0, 0, 0] };
    expect(readWith({}).processor?.(own)).toMatchObject({
      ...{ image_processor_type: 'GotOcr2ImageProcessor', size: { height: 28, width: 28 }, image_mean: [0, 0, 0] },
      ...{ crop_to_patches: true, min_patches: 1, max_patches: 6 },
    });
    expect(readWith({ max_dynamic_patch: 40 }).processor?.({})).toMatchObject({ max_patches: 12 });
    expect(readWith({ dynamic_image_size: false }).processor?.({})).toMatchObject({ crop_to_patches: false });
  });

  it.each([
    ['blocks of the first version', { ps_version: 'v1' }],
    ['pictures with borders', { pad2square: true }],
    ['tiles of another size than the tower has positions for', { force_image_size: 56 }],
    ['the tower of 6B', { vision_config: { ...VISION, qk_normalization: true } }],
    ['a tower that does not say', { vision_config: { ...VISION, norm_type: undefined } }],
  ])('refuses %s', (_what, change) => {
    expect(() => readWith(change)).toThrowError(expect.objectContaining({ code: 'unsupported_model' }));
  });

  it('refuses tiles without a view of the whole', () => {
    expect(() => readWith({ use_thumbnail: false }).processor?.({})).toThrowError(
      expect.objectContaining({ code: 'unsupported_model' }),
    );
  });
});
