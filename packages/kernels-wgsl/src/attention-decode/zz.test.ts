import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { bindingsOf, sourceOf } from '../kernel.js';
import { testDevice } from '../../testing/device.js';
import { attentionDecode } from './attention-decode.js';
import { attentionPrefill } from '../attention-prefill/attention-prefill.js';
import { decodeShape } from './attention-decode.reference.js';
it('dump', async () => {
  const sizes = [
    { headDim: 64, numQueryHeads: 4, numKvHeads: 2, lengths: [13] },
    { headDim: 8, numQueryHeads: 1, numKvHeads: 1, lengths: [13] },
    { headDim: 64, numQueryHeads: 8, numKvHeads: 1, lengths: [200], pageSize: 32, splitSize: 256 },
    { headDim: 128, numQueryHeads: 8, numKvHeads: 1, lengths: [200], pageSize: 32, splitSize: 256 },
  ];
  const { profile } = await testDevice();
  for (const kernel of [attentionDecode, attentionPrefill]) for (const variant of kernel.variants) {
    for (const [i, s] of sizes.entries()) {
      const plan = kernel.plan({ ...decodeShape(s), numTiles: 1 } as never, profile, variant);
      writeFileSync(`/tmp/x/${kernel.name}-${variant.id}-${i}.json`, JSON.stringify({ code: sourceOf(kernel, variant), constants: plan.constants, bindings: bindingsOf(kernel, variant) }));
    }
  }
});
