import { it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { runKernels } from '../../testing/run.js';
import { samplePrepare } from './sample-prepare.js';
import { sampleSelect } from './sample-select.js';
import { countClear } from './token-counts.js';
import { writeSlotParams } from './sampling-buffers.js';
it('runs', async () => {
  const test = await testDevice();
  const plain = { temperature: 1, topK: 4, topP: .7, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, seed: 1, maxPosition: 1000, minPosition: 0, stopIds: [], hasBanned: false };
  const b = { started_slots: new Uint32Array(1), logits: new Float32Array(64).map((_, i) => Math.sin(i)), sample_rows: new Uint32Array(1), rows: new Uint32Array(4), slot_params: new Uint8Array(128), slot_state: new Uint32Array(4), counts: new Uint32Array(64), partials: new Uint32Array(4), ring: new Uint32Array(4) };
  writeSlotParams(new DataView(b.slot_params.buffer), 0, plain);
  const shape = { numSampled: 1, vocab: 33, logitsStride: 64, vocabStride: 64, ring: 4 };
  await runKernels(test, [countClear.plan({numStarted:1, vocabStride:64}, test.profile)], b);
  for (const v of ['portable','subgroup','narrow']) for (const k of [samplePrepare, sampleSelect]) {
    const variant = k.variants.find(x => x.id === v)!;
    if (variant.requires.length && !test.profile.features.includes('subgroups')) continue;
    const c = process.cpuUsage();
    await runKernels(test, [k.plan(shape, test.profile, variant)], b);
    const d = process.cpuUsage(c);
    console.log(k.name, v, 'cpu ms', Math.round((d.user + d.system) / 1000));
  }
});
