// How families lay out the rows of images: pixel shuffle, padding that is left out, grids that are shrunk, and prompts.
import { describe, expect, it } from 'vitest';
import { RawConfig } from '../raw-config.js';
import { patchify, positionIndex } from '../vision/vit.js';
import { placeAnyres, readPinpoints } from './anyres.js';
import { deepseekVlHybrid } from './families/deepseek-vl.js';
import { idefics3 } from './families/idefics3.js';
import { internvl } from './families/internvl.js';
import { llava } from './families/llava.js';
import { llavaNext, llavaOnevision } from './families/llava-next.js';
import { qwenVl } from './families/qwen-vl.js';
import { qwen2Vl, qwen25Vl } from './families/qwen2-vl.js';
import { xcomposer } from './families/xcomposer.js';
import { EXTRA_ROWS, selectIndex, vlmWeights } from './projector.js';
import { betweenWidth, extraRowsOf, rowsPerTile, tileRowWidth } from './vlm-config.js';

const SIGLIP = {
  model_type: 'siglip_vision_model',
  hidden_size: 8,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 2,
};
const CLIP = { ...SIGLIP, model_type: 'clip_vision_model' };

/** LLaVA's towers drop what lies behind the used layer; -2 of three layers is the second. */
const llavaConfig = (more: object = {}) =>
  new RawConfig({ vision_config: { ...CLIP, num_hidden_layers: 3 }, image_token_index: 7, ...more });

describe('llava', () => {
  it('uses the last layer but one, and drops the class token', () => {
    const config = llava.readConfig(llavaConfig(), 16);
    expect(config.tower).toMatchObject({ numLayers: 2, hasClassToken: true, hasPreNorm: true, hasPostNorm: false });
    expect(rowsPerTile(config)).toBe(16);
    expect([...selectIndex(config).subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  });

  it('keeps the class token first with the strategy full', () => {
    const config = llava.readConfig(llavaConfig({ vision_feature_select_strategy: 'full' }), 16);
    expect(rowsPerTile(config)).toBe(17);
    expect([...selectIndex(config).subarray(0, 6)]).toEqual([0, 16, 1, 0, 2, 1]);
  });

  it.each([
    ['several feature layers', { vision_feature_layer: [-2, -5] }, 'unsupported_model'],
    ['an unknown tower', { vision_config: { model_type: 'sam' } }, 'unsupported_model'],
    ['an unknown activation', { projector_hidden_act: 'tanh' }, 'unsupported_model'],
    ['no image token', { image_token_index: undefined }, 'invalid_config'],
    ['a head of odd width', { vision_config: { ...CLIP, num_attention_heads: 3 } }, 'unsupported_model'],
    ['a layer that does not exist', { vision_feature_layer: -9 }, 'unsupported_model'],
    ['patches larger than a tile', { vision_config: { ...CLIP, patch_size: 16 } }, 'unsupported_model'],
  ])('refuses %s', (_what, change, code) => {
    expect(() => llava.readConfig(llavaConfig(change), 16)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('anyres', () => {
  const config = { side: 2, rowsPerTile: 4, maxTiles: undefined };

  it('an image of one tile is its view and a newline', () => {
    const { sources } = placeAnyres(config, { width: 5, height: 5, numTiles: 1, gridRows: 0, gridCols: 0 });
    expect([...sources]).toEqual([0, 1, 2, 3, 4]);
  });

  it('the grid follows line by line across tiles', () => {
    const tiles = { width: 8, height: 4, numTiles: 3, gridRows: 1, gridCols: 2 };
    const { sources, numRows } = placeAnyres(config, tiles);
    expect([...sources]).toEqual([0, 1, 2, 3, 4, 5, 8, 9, 12, 6, 7, 10, 11, 12]);
    expect(numRows).toBe(14);
  });

  it('lines that hold padding alone are left out', () => {
    const tiles = { width: 8, height: 2, numTiles: 5, gridRows: 2, gridCols: 2 };
    const { sources } = placeAnyres(config, tiles);
    expect([...sources.subarray(4)]).toEqual([6, 7, 10, 11, 20, 12, 13, 16, 17, 20]);
  });

  it('a grid above the limit is shrunk: rows are sums of four, and their weights sum to one', () => {
    const tiles = { width: 8, height: 8, numTiles: 5, gridRows: 2, gridCols: 2 };
    const placement = placeAnyres({ ...config, maxTiles: 1 }, tiles);
    expect(placement).toMatchObject({ taps: 4, numRows: 4 + 2 * 3 });
    const { weights = new Float32Array(), sources } = placement;
    for (let row = 0; row < placement.numRows; row++) {
      const sum = weights.subarray(row * 4, row * 4 + 4).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
    // The first shrunk row lies between the first two lines and columns of the grid.
    expect([...sources.subarray(16, 20)]).toEqual([4, 5, 6, 7]);
    expect([...weights.subarray(16, 20)]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it.each([[undefined], [[]], [[[8]]], [[[8, 12]]], [[[8, -8]]], [[[8, 8 * 33]]], ['8x8']])(
    'refuses the pinpoints %j',
    (value) => {
      expect(() => readPinpoints(new RawConfig({ image_grid_pinpoints: value }), 8)).toThrowError(
        expect.objectContaining({ code: 'invalid_config' }),
      );
    },
  );

  it('knows the grid of a size, and the most rows an image can have', () => {
    const pinpoints = {
      image_grid_pinpoints: [
        [8, 16],
        [16, 8],
        [16, 16],
      ],
    };
    const next = llavaNext.readConfig(llavaConfig(pinpoints), 16);
    expect(next.gridOf(100, 40)).toEqual({ rows: 1, cols: 2 });
    expect(next.maxRows).toBe(16 + 8 * 9);
    expect(next).toMatchObject({ maxTaps: 1, hasNewline: true });
    expect(llavaOnevision.readConfig(llavaConfig(pinpoints), 16).maxTaps).toBe(4);
  });
});

describe('idefics3', () => {
  const raw = (more: object = {}) =>
    new RawConfig({
      vision_config: { ...SIGLIP, model_type: 'idefics3_vision' },
      image_token_id: 9,
      scale_factor: 2,
      ...more,
    });

  it('joins blocks of patches, line by line', () => {
    const config = idefics3.readConfig(raw(), 16);
    expect(rowsPerTile(config)).toBe(4);
    expect([...selectIndex(config)]).toEqual([0, 0, 1, 4, 5, 1, 2, 3, 6, 7, 2, 8, 9, 12, 13, 3, 10, 11, 14, 15]);
    expect(config.projector).toMatchObject([{ numInputs: 32, numOutputs: 16, hasBias: false }]);
  });

  it('announces every tile by its place', () => {
    const { promptText } = idefics3.readConfig(raw({ scale_factor: 4 }), 16);
    const tiles = { width: 9, height: 9, numTiles: 3, gridRows: 1, gridCols: 2 };
    const around = '<fake_token_around_image>';
    expect(promptText(tiles, '#', 3, 1)).toBe(
      `${around}<row_1_col_1>#${around}<row_1_col_2>#\n\n${around}<global-img>#${around}`,
    );
    expect(promptText({ ...tiles, numTiles: 1, gridRows: 0, gridCols: 0 }, '#', 1, 1)).toBe(
      `${around}<global-img>#${around}`,
    );
  });

  it('refuses blocks that do not fill a tile', () => {
    expect(() => idefics3.readConfig(raw({ scale_factor: 3 }), 16)).toThrowError(
      expect.objectContaining({ code: 'invalid_config' }),
    );
  });
});

describe('internvl', () => {
  const raw = (vision: object = {}, more: object = {}) =>
    new RawConfig({
      vision_config: {
        ...{ model_type: 'internvl_vision', hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2 },
        ...{ image_size: [8, 8], patch_size: [2, 2], attention_bias: true, ...vision },
      },
      image_token_id: 9,
      ...more,
    });

  it('scales what layers add, drops the class token, and norms blocks of four patches', () => {
    const config = internvl.readConfig(raw(), 16);
    expect(config.tower).toMatchObject({ hasLayerScale: true, hasClassToken: true, hasPostNorm: false, numLayers: 2 });
    expect([rowsPerTile(config), config.pixelShuffle]).toEqual([4, 2]);
    expect(config.projectorNorm?.epsilon).toBe(1e-5);
    expect(config.projector).toMatchObject([{ numInputs: 32, numOutputs: 16 }, { numInputs: 16 }]);
  });

  it('has a norm behind the last layer where rows are not averaged', () => {
    expect(internvl.readConfig(raw({ use_mean_pooling: false }), 16).tower.hasPostNorm).toBe(true);
  });

  it('puts all rows of all tiles between two tokens', () => {
    const config = internvl.readConfig(raw(), 16);
    const tiles = { width: 9, height: 9, numTiles: 3, gridRows: 1, gridCols: 2 };
    expect(config.place(tiles, { width: 8, height: 8 }).numRows).toBe(12);
    expect(config.promptText(tiles, '#', 12, 1)).toBe(`<img>${'#'.repeat(12)}</img>`);
  });

  it.each([
    ['norms of queries and keys', raw({ use_qk_norm: true }), 'unsupported_model'],
    ['other norms', raw({ norm_type: 'rms_norm' }), 'unsupported_model'],
    ['no biases', raw({ attention_bias: false }), 'unsupported_model'],
    ['no positions', raw({ use_absolute_position_embeddings: false }), 'unsupported_model'],
    ['oblong tiles', raw({ image_size: [8, 16] }), 'unsupported_model'],
    ['a class token', raw({}, { vision_feature_select_strategy: 'full' }), 'unsupported_model'],
    ['blocks that do not fill a tile', raw({ image_size: 6 }), 'invalid_config'],
    ['halves of patches', raw({}, { downsample_ratio: 0.4 }), 'invalid_config'],
  ])('refuses %s', (_what, config, code) => {
    expect(() => internvl.readConfig(config, 16)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('qwen2-vl', () => {
  const config = qwen2Vl.readConfig(
    new RawConfig({ vision_config: { embed_dim: 16, num_heads: 2, patch_size: 4 }, image_token_id: 9 }),
    24,
  );

  it('gives an image lines and columns of rows, as many as its shape has blocks', () => {
    const tiles = { width: 90, height: 70, numTiles: 1, gridRows: 0, gridCols: 0 };
    expect(config.place(tiles, { width: 24, height: 16 })).toMatchObject({ numRows: 6, grid: { rows: 2, cols: 3 } });
    expect(config.maxRows).toBe(36 * 36);
    expect(config.projector).toMatchObject([
      { numInputs: 64, numOutputs: 64 },
      { numInputs: 64, numOutputs: 24 },
    ]);
  });

  it('joins the patches of a block, wherever the tower has them', () => {
    const windowed = qwen25Vl.readConfig(
      new RawConfig({
        vision_config: { hidden_size: 16, num_heads: 2, patch_size: 4, window_size: 8 },
        image_token_id: 9,
      }),
      24,
    );
    const grid = { rows: 2, cols: 4 };
    expect([...selectIndex(config, grid)]).toEqual([0, 0, 1, 4, 5, 1, 2, 3, 6, 7]);
    expect([...selectIndex(windowed, grid)]).toEqual([0, 0, 1, 2, 3, 1, 4, 5, 6, 7]);
  });
});

describe('deepseek_vl_hybrid', () => {
  const sam = { hidden_size: 16, num_attention_heads: 2, output_channels: 4, image_size: 24, patch_size: 2 };
  const read = (more: object = {}, hiddenSize = 16) =>
    deepseekVlHybrid.readConfig(
      new RawConfig({ vision_config: SIGLIP, high_res_vision_config: { ...sam, ...more }, image_token_id: 9 }),
      hiddenSize,
    );

  it('makes half of a row of each tower, those of the larger picture first', () => {
    const { highRes, projector, ...config } = read();
    expect(projector).toMatchObject([
      { numInputs: 8, numOutputs: 8 },
      { numInputs: 16, numOutputs: 16 },
    ]);
    expect(highRes).toMatchObject({
      sam: { numChannels: 4, outputSide: 4, earlyLayer: 2 },
      projector: { numInputs: 16, numOutputs: 8, activation: 'gelu' },
    });
    expect(betweenWidth({ ...config, projector, ...(highRes && { highRes }) })).toBe(16);
    const bias = vlmWeights(read()).find(({ name }) => name === 'projector.vision_proj.bias');
    expect(bias?.pieces).toMatchObject([
      { tensor: 'projector.high_res_vision_proj.bias', dst: 0 },
      { tensor: 'projector.vision_proj.bias', dst: 8 },
    ]);
  });

  it('has the sizes of the published config by default', () => {
    const tower = deepseekVlHybrid.readConfig(new RawConfig({ vision_config: SIGLIP, image_token_id: 9 }), 16).highRes;
    expect(tower?.sam).toMatchObject({
      numChannels: 256,
      tower: {
        ...{ hiddenSize: 768, intermediateSize: 3072, numLayers: 12, headDim: 64, imageSize: 1024, patchSize: 16 },
        windows: { side: 14, fullLayers: [2, 5, 8, 11], isPadded: true },
      },
    });
  });

  it.each([
    ['a tower without relative positions', { use_rel_pos: false }, 16],
    ['a tower without biases', { qkv_bias: false }, 16],
    ['no layer that sees everything', { global_attn_indexes: [] }, 16],
    ['an early layer that does not exist', { global_attn_indexes: [12] }, 16],
    ['a row that has no halves of whole units', {}, 12],
  ])('refuses %s', (_what, change, hiddenSize) => {
    expect(() => read(change, hiddenSize)).toThrowError(expect.objectContaining({ code: 'unsupported_model' }));
  });
});

describe('xcomposer', () => {
  const config = xcomposer.readConfig(new RawConfig({ num_query_token: 3 }), 64);

  it('has the sizes that the code of its authors fixes', () => {
    expect(config.tower).toMatchObject({
      ...{ hiddenSize: 1408, intermediateSize: 6144, numLayers: 39, headDim: 88, imageSize: 224, patchSize: 14 },
      ...{ lacksKeyBias: true, hasPostNorm: true, normEpsilon: 1e-6, postNormEpsilon: 1e-5 },
    });
    expect(config.qformer).toMatchObject({ numQueries: 3, numInputs: 1408, headDim: 64, numLayers: 12 });
    expect([rowsPerTile(config), tileRowWidth(config), config.maxRows]).toEqual([3, 768, 5]);
  });

  it('puts a row of its own before and behind those of an image', () => {
    const tiles = { width: 9, height: 9, numTiles: 1, gridRows: 0, gridCols: 0 };
    const { sources, numRows } = config.place(tiles, { width: 224, height: 224 });
    expect([numRows, ...sources]).toEqual([5, 3, 0, 1, 2, 4]);
    expect(extraRowsOf(config)).toEqual(['flag_image_start', 'flag_image_end']);
    expect(vlmWeights(config).find(({ name }) => name === EXTRA_ROWS)).toMatchObject({
      length: 128,
      pieces: [{ dst: 0 }, { dst: 64 }],
    });
  });

  it('has biases of queries and values, and looks at the tower in every second layer', () => {
    const specs = new Map(vlmWeights(config).map((spec) => [spec.name, spec]));
    const biases = specs.get('vision.layers.0.qkv.bias');
    expect(biases).toMatchObject({ kind: 'vector', length: 3 * 1408 });
    expect(biases?.pieces).toMatchObject([{ dst: 0 }, { dst: 2 * 1408 }]);
    expect(specs.get('qformer.layers.0.cross.kv')).toMatchObject({ numRows: 2 * 768, numCols: 1408 });
    expect(specs.has('qformer.layers.1.cross.kv')).toBe(false);
    expect(specs.has('qformer.layers.1.self.qkv')).toBe(true);
  });
});

describe('qwen-vl', () => {
  const raw = (visual: object = {}) =>
    new RawConfig({
      visual: {
        ...{ image_size: 8, patch_size: 2, width: 8, layers: 3, heads: 2, mlp_ratio: 4.9231 },
        ...{ output_dim: 256, image_start_id: 100, ...visual },
      },
    });
  const config = qwenVl.readConfig(raw(), 256);

  it('gives as many rows as there are queries, whatever the patches', () => {
    expect([rowsPerTile(config), tileRowWidth(config), config.maxRows]).toEqual([256, 256, 256]);
    expect(config.resampler).toMatchObject({ numHeads: 2, headDim: 128, numInputs: 8 });
    expect(config.tower).toMatchObject({ positionsSide: 16, intermediateSize: 39, isQkvByHead: true });
  });

  it('takes any ids between two, and counts pictures', () => {
    expect(config).toMatchObject({ imageTokenId: 102, imageBounds: { startId: 100, endId: 101 } });
    const tiles = { width: 9, height: 9, numTiles: 1, gridRows: 0, gridCols: 0 };
    expect(config.promptText(tiles, '#', 3, 2)).toBe('Picture 2: <img>###</img>');
  });

  it.each([
    ['queries that are no square', { n_queries: 8 }, 'unsupported_model'],
    ['heads of another width', { output_dim: 192 }, 'unsupported_model'],
    ['rows of another width than the decoder has', { output_dim: 128 }, 'invalid_config'],
  ])('refuses %s', (_what, visual, code) => {
    expect(() => qwenVl.readConfig(raw(visual), 256)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('the rows of a tile', () => {
  const { tower } = llava.readConfig(llavaConfig({ vision_config: { ...CLIP, image_size: 4 } }), 16);

  it('have the class token last, with the first position, and place it first', () => {
    const none = 0xffffffff;
    expect([...positionIndex(tower)]).toEqual([4, 0, 5, 0, 1, none, 1, 2, none, 2, 3, none, 3, 4, none]);
  });

  it('hold the pixels of a patch channel by channel', () => {
    const tile = Float32Array.from({ length: 48 }, (_, i) => i);
    const rows = patchify(tower, tile, 16);
    expect([...rows.subarray(0, 16)]).toEqual([0, 1, 4, 5, 16, 17, 20, 21, 32, 33, 36, 37, 0, 0, 0, 0]);
    expect([...rows.subarray(48, 52)]).toEqual([10, 11, 14, 15]);
  });
});
