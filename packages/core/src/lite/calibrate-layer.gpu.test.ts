// Calibration on a device against AWQ's golden layers: statistics, losses of the search, scales, and what is written.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { GpuContext } from '../gpu/context.js';
import type { Checkpoint } from '../load/checkpoint.js';
import { loadWeights } from '../load/weight-loader.js';
import { decoderWeights } from '../models/decoder-weights.js';
import { resolveFamily } from '../models/registry.js';
import { expectClose, expectTensors, readGolden } from '../testing/awq-golden.js';
import { describeWithFixtures } from '../testing/fixtures.js';
import { errorOf } from '../testing/goldens.js';
import { bestRatios, calibrateLayer, type LayerCalibration } from './calibrate-layer.js';
import { LayerRunner } from './layer-runner.js';
import { copyTensors, LayerSpecs, type LayerTensor, type LinearRole, withTensors } from './layer-tensors.js';
import { type LayerMethod, quantizeLayer } from './quantize-layer.js';
import { smoothedRoles, smoothLayer } from './smooth-layer.js';

const GRID = { bits: 4, groupSize: 32, isSymmetric: false } as const;
const METHOD: LayerMethod = {
  ...{ method: 'awq', grid: GRID, searchScale: false, clip: false, damping: 0.01, layout: 'awq' },
};
/** What the goldens call the scales of a product: by what they go into. */
const GROUPS: Readonly<Record<LinearRole, string>> = {
  qkv: 'input_layernorm',
  output: 'self_attn.v_proj',
  gateUp: 'post_attention_layernorm',
  down: 'mlp.up_proj',
};

describeWithFixtures('AWQ goldens on a device', 'goldens/awq-calibration', (path) => {
  let gpu: GpuContext;
  beforeAll(async () => {
    gpu = await GpuContext.open(create([]) as unknown as GPU);
  });
  afterAll(() => gpu.dispose());

  describe.each(['', '-mha'])('awq-calibration%s', (suffix) => {
    const golden = readGolden(`${path}${suffix}`);
    const values = JSON.parse(readFileSync(`${path}${suffix}/config.json`, 'utf8'));
    const { family, config } = resolveFamily(values);
    const layer = new LayerSpecs(
      decoderWeights(family, config, { name: path, tensors: new Map() } as unknown as Checkpoint),
      0,
    );
    const tensors = new Map<string, LayerTensor>();
    for (const [name, matrix] of golden.weights) {
      const shape = matrix.numCols === 1 ? [matrix.numRows] : [matrix.numRows, matrix.numCols];
      tensors.set(`model.layers.0.${name}.weight`, { ...matrix, shape, dtype: 'F32' });
    }
    const roles = smoothedRoles(config, layer);
    let calibration: LayerCalibration;

    beforeAll(async () => {
      const hidden = golden.floats('calib_inputs') as Float32Array<ArrayBuffer>;
      const batches = [0, 1, 2].map((i) => ({
        sequences: [Array.from({ length: 20 }, () => 0)],
        hidden: hidden.subarray(i * 20 * 64, (i + 1) * 20 * 64),
      }));
      const runner = await LayerRunner.create(gpu, config, 1, 20);
      const checkpoint = withTensors({ name: path } as Checkpoint, tensors);
      const weights = await loadWeights(gpu, checkpoint, layer.specs, {});
      calibration = await calibrateLayer(runner, layer, tensors, weights, batches, { search: { roles, grid: GRID } });
    });

    it('passes the hidden states on', () => {
      const outputs = calibration.outputs.flatMap((each) => [...each]);
      expect(errorOf(Float32Array.from(outputs), golden.floats('output_float'))).toBeLessThan(1e-5);
    });

    it('has the statistics', () => {
      for (const role of ['qkv', 'output', 'gateUp', 'down'] as const) {
        const { absmax, absmean } = calibration.statistics[role];
        for (const name of layer.linears(role)) {
          const stem = name.replace(/^model\.layers\.0\.|\.weight$/g, '');
          expectClose(absmax, golden.floats(`absmax.${stem}`), 1e-4);
          expectClose(absmean, golden.floats(`absmean.${stem}`), 1e-4);
        }
      }
    });

    it('finds the ratios', () => {
      for (const role of roles) {
        const losses = calibration.losses[role]?.flatMap((each) => [...each]) ?? [];
        expectClose(losses, golden.floats(`search.loss.${GROUPS[role]}`), 5e-3);
        expect(bestRatios(calibration.losses)[role]).toBeCloseTo(golden.ratios[GROUPS[role]] as number, 10);
      }
    });

    it.each([
      ['nosearch', false],
      ['search', true],
    ] as const)('%s: has the scales and writes the codes', (prefix, searchScale) => {
      const smoothed = copyTensors(tensors);
      const of = (role: LinearRole): Float32Array => {
        const { absmax, absmean } = calibration.statistics[role];
        return searchScale ? absmean : absmax;
      };
      const scales = smoothLayer(config, layer, smoothed, {
        groupSize: 32,
        activations: { qkv: of('qkv'), output: of('output'), gateUp: of('gateUp'), down: of('down') },
        ratios: { qkv: 0.5, output: 0.5, gateUp: 0.5, down: 0.5, ...(searchScale && bestRatios(calibration.losses)) },
      });
      expect([...scales.keys()]).toEqual(roles);
      for (const [role, each] of scales) expectClose(each, golden.floats(`${prefix}.scales.${GROUPS[role]}`), 1e-4);
      const stored = quantizeLayer(config, layer, tensors, calibration, { ...METHOD, searchScale });
      for (const [name, matrix] of smoothed) {
        const stem = name.replace(/\.weight$/, '');
        const short = stem.replace('model.layers.0.', '');
        if (matrix.numCols === 1) {
          expectClose(matrix.values, golden.floats(`${prefix}.norm.${short}`), 1e-4);
        } else {
          const suffixes = ['qweight', 'qzeros', 'scales'];
          const own = Object.fromEntries(suffixes.map((each) => [each, stored[`${stem}.${each}`]]));
          expectTensors(golden, prefix, short, matrix, own as Parameters<typeof expectTensors>[4]);
        }
      }
    });
  });
});
