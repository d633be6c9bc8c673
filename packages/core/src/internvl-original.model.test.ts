// InternVL as its authors store it: the golden under their names and keys answers as it does under those of transformers.
import { expect, it } from 'vitest';
import { createEngine } from './node.js';
import { describeWithFixtures, fixturesPath } from './testing/fixtures.js';
import { errorOf, floatsOf, GOLDEN_TOLERANCE, generateIds, idsOf, readGolden } from './testing/goldens.js';
import { internvlOriginal } from './testing/internvl-original.js';

describeWithFixtures('InternVL in its original layout', 'goldens/README.md', () => {
  it('gives the reference logits and ids, from the picture on', async () => {
    const golden = readGolden('internvl');
    const [ids, greedy] = [idsOf(golden, 'input_ids'), idsOf(golden, 'greedy_ids')];
    const images = [`${fixturesPath('goldens/internvl')}/image.png`];
    const engine = await createEngine({
      model: internvlOriginal(),
      dtype: 'float32',
      maxBatchSize: 1,
      sessionLen: 128,
    });
    try {
      expect(engine.info).toMatchObject({ family: 'internvl_chat', architecture: 'InternVLChatModel' });
      const logits = await engine.logits([...ids, ...greedy], { images, decodeFrom: ids.length });
      const split = ids.length * engine.info.vocabSize;
      expect(errorOf(logits.subarray(0, split), floatsOf(golden, 'logits'))).toBeLessThan(GOLDEN_TOLERANCE);
      expect(errorOf(logits.subarray(split), floatsOf(golden, 'forced_logits'))).toBeLessThan(GOLDEN_TOLERANCE);
      expect(await generateIds(engine, { kind: 'tokens', ids, images }, 24)).toEqual(greedy);
    } finally {
      await engine.dispose();
    }
  });
});
