// AWQ's math on matrices small enough to see. What LMDeploy's numbers are, the goldens say (core's calibrate-layer.gpu.test.ts).
import { describe, expect, it } from 'vitest';
import { searchRanges } from './clip.js';
import { dequantizeMatrix, quantizeMatrix, roundEven } from './quantize.js';
import { divideRows, scaleColumns, smoothingScales, weightTerms } from './smooth.js';
import { joinStatistics } from './statistics.js';

const GRID = { bits: 4, groupSize: 4, isSymmetric: false } as const;
const matrix = (numCols: number, ...values: number[]) => ({
  values: Float32Array.from(values),
  numRows: values.length / numCols,
  numCols,
});

describe('the grid', () => {
  it('rounds ties to even', () => {
    expect([0.5, 1.5, -0.5, -1.5, 2.4].map(roundEven)).toEqual([0, 2, 0, -2, 2]);
  });

  it('spans the values of a group, with 0 only where it lies between them', () => {
    const quantized = quantizeMatrix(matrix(4, -1, 0, 6.5, 0.5, 1, 2, 3, 16), GRID);
    expect([...quantized.codes]).toEqual([0, 2, 15, 3, 1, 2, 3, 15]);
    expect([...quantized.zeros]).toEqual([2, 0]);
    expect([...dequantizeMatrix(quantized).values].slice(0, 4)).toEqual([-1, 0, 6.5, 0.5]);
  });

  it('is symmetric around the middle code where asked, and has a step where all weights are equal', () => {
    const quantized = quantizeMatrix(matrix(4, -7, 0, 3, 7, 0, 0, 0, 0), { ...GRID, isSymmetric: true });
    expect([...quantized.zeros]).toEqual([8, 8]);
    expect([...quantized.codes]).toEqual([1, 8, 11, 15, 8, 8, 8, 8]);
    expect(quantized.scales[1]).toBeGreaterThan(0);
  });
});

describe('smoothing', () => {
  it('sees weights against their groups, rows of all matrices alike', () => {
    const terms = weightTerms([matrix(4, 1, 2, 4, 4), matrix(4, 0, 0, 0, 0)], 2);
    expect([...terms]).toEqual([0.25, 0.5, 0.5, 0.5]);
  });

  it('has scales around 1, and 1 where columns are kept', () => {
    expect([...smoothingScales([4, 16, 1000], [1, 1, 1], 0.5, (column) => column === 2)]).toEqual([
      Math.fround(2 / Math.sqrt(8)),
      Math.fround(4 / Math.sqrt(8)),
      1,
    ]);
  });

  it('leaves the product as it is', () => {
    const [before, after] = [matrix(1, 3, 5), matrix(2, 1, 2, 3, 4)];
    const product = (): number[] => {
      const [x = 0, y = 0] = before.values;
      const [a = 0, b = 0, c = 0, d = 0] = after.values;
      return [a * x + b * y, c * x + d * y];
    };
    const wanted = product();
    const scales = Float32Array.of(2, 4);
    scaleColumns(after, scales);
    divideRows(before, scales);
    expect([...after.values]).toEqual([2, 8, 6, 16]);
    expect(product()).toEqual(wanted);
  });
});

it('statistics run through batches, and means are means of their means', () => {
  const batch = (numRows: number, min: number, max: number, sum: number, absSum: number) => {
    const [minimum, maximum] = [Float32Array.of(min), Float32Array.of(max)];
    return { numRows, min: minimum, max: maximum, sum: Float32Array.of(sum), absSum: Float32Array.of(absSum) };
  };
  const { min, max, absmax, mean, absmean } = joinStatistics([batch(2, -3, 1, -2, 4), batch(1, 2, 2, 2, 2)]);
  expect([min[0], max[0], absmax[0], mean[0], absmean[0]]).toEqual([-3, 2, 3, 0.5, 2]);
});

describe('searching ranges', () => {
  const identity = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);

  it('keeps a range that loses nothing', () => {
    expect([...searchRanges(matrix(4, 0, 1, 7, 15), [identity], GRID)]).toEqual([0, 15]);
  });

  it('gives an outlier up that no input sees', () => {
    const unseen = identity.slice();
    unseen[15] = 0;
    const values = matrix(4, 0, 0.5, 7.3, 30);
    const [, max = 0] = searchRanges(values, [unseen], GRID);
    expect(max).toBeLessThan(30);
    expect(max).toBeGreaterThanOrEqual(15);
  });
});
