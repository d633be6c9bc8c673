// Tensors of a layer as plain numbers, whatever order their rows are stored in.
import { expect, it } from 'vitest';
import type { Checkpoint } from '../load/checkpoint.js';
import { bytesSource } from '../load/memory-source.js';
import type { TensorEntry } from '../load/tensor-entry.js';
import { type WeightSpec, wholeTensor } from '../load/weights.js';
import { LayerSpecs, readLayer } from './layer-tensors.js';

it('puts rows in order where the halves of a head come in turns', async () => {
  const bytes = new Uint8Array(Float32Array.of(0, 1, 40, 41, 2, 3, 50, 51, 10, 11, 60, 61, 12, 13, 70, 71).buffer);
  const place = { offset: 0, length: 64, source: bytesSource(bytes, 'm'), file: 'm' };
  const tensor = { dtype: 'F32' as const, shape: [8, 2], ...place };
  const none = async (): Promise<undefined> => undefined;
  const checkpoint: Checkpoint = {
    ...{ name: 'm', config: {}, generationConfig: undefined, readText: none, readBytes: none },
    tensors: new Map<string, TensorEntry>([
      ['paired', { ...tensor, headDim: 4 }],
      ['plain', tensor],
    ]),
  };
  const pieces = [wholeTensor('paired', 8), wholeTensor('plain', 8, 8)];
  const sizes = { kind: 'matrix', numRows: 16, numCols: 2, group: 'decoder' } as const;
  const specs: WeightSpec[] = [{ ...sizes, name: 'layers.0.qkv', pieces }];
  const layer = await readLayer(checkpoint, new LayerSpecs(specs, 0), undefined);
  expect([...(layer.get('paired')?.values ?? [])]).toEqual([
    ...[0, 1, 2, 3, 40, 41, 50, 51],
    ...[10, 11, 12, 13, 60, 61, 70, 71],
  ]);
  expect(layer.get('plain')?.values.buffer).toEqual(bytes.buffer);
});
