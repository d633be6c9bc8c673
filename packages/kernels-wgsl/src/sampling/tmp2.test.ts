import { it } from 'vitest';
import { testDevice } from '../../testing/device.js';
import { runKernels } from '../../testing/run.js';
import { samplePrepare } from './sample-prepare.js';
import { sampleSelect } from './sample-select.js';
import { writeSlotParams } from './sampling-buffers.js';
it('runs', async () => {
  const test = await testDevice();
  for (const vocab of [152064]) for (const v of ['narrow','portable']) for (const kind of ['normal','steep','flat'])
  for (const [name, o] of Object.entries({ greedy: {temperature:0}, plain: {}, k40: {topK: 40}, k40p: {topK:40,topP:.8}, k1500: {topK:1500}, p: {topP: .9}, minp: {minP: .1}})) {
  const plain = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, seed: 1, maxPosition: 1000, minPosition: 0, stopIds: [], hasBanned: false, ...o };
  const n=1;
  const b = { logits: new Float32Array(vocab*n).map((_, i) => kind=='flat'? 1 : Math.sqrt(-2*Math.log(1-((i*0.61803398875)%1)))*Math.cos(i*i*1.7)*(kind=='steep'?8:2.5)), sample_rows: new Uint32Array(n).map((_,i)=>i), rows: new Uint32Array(4*n).map((_,i)=>i%4==0?i/4:0), slot_params: new Uint8Array(128*n), slot_state: new Uint32Array(4*n), counts: new Uint32Array(vocab*n), partials: new Uint32Array(4*n*300), ring: new Uint32Array(4*n) };
  for (let i=0;i<n;i++) writeSlotParams(new DataView(b.slot_params.buffer), i*128, plain);
  const shape = { numSampled: n, vocab, logitsStride: vocab, vocabStride: vocab, ring: 4 };
  const plans = [samplePrepare, sampleSelect].map(k => k.plan(shape, test.profile, k.variants.find(x => x.id === v)));
  await runKernels(test, plans, b);
  const t = performance.now();
  const r = await runKernels(test, plans, b);
  console.log(vocab, v, kind, name, Math.round(performance.now() - t));
  }
});
