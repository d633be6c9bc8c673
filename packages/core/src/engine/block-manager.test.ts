// The free list: nothing is lost or handed out twice, whatever the order of calls.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockManager } from './block-manager.js';

describe('BlockManager', () => {
  it('counts blocks for tokens', () => {
    const blocks = new BlockManager(4, 16);
    expect([0, 1, 16, 17].map((count) => blocks.blocksFor(count))).toEqual([0, 1, 1, 2]);
  });

  it('gives all or nothing', () => {
    const blocks = new BlockManager(3, 16);
    expect(blocks.allocate(2)).toEqual([0, 1]);
    expect(blocks.allocate(2)).toBeUndefined();
    expect(blocks.numFree).toBe(1);
    expect(blocks.allocate(0)).toEqual([]);
  });

  it('notices lost, doubled and unknown blocks', () => {
    const blocks = new BlockManager(2, 16);
    const taken = blocks.allocate(1) ?? [];
    expect(() => blocks.checkIntegrity([])).toThrow('lost');
    expect(() => blocks.checkIntegrity([taken, taken])).toThrow('twice');
    expect(() => blocks.checkIntegrity([[2]])).toThrow('exist');
    blocks.checkIntegrity([taken]);
  });

  it('keeps its books under any order of calls', () => {
    const call = fc.oneof(fc.record({ take: fc.nat({ max: 6 }) }), fc.record({ giveBack: fc.nat({ max: 5 }) }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(call, { maxLength: 40 }), (numBlocks, calls) => {
        const blocks = new BlockManager(numBlocks, 4);
        const tables: (readonly number[])[] = [];
        for (const each of calls) {
          if ('take' in each) {
            const numFree = blocks.numFree;
            const taken = blocks.allocate(each.take);
            expect(taken?.length).toBe(each.take <= numFree ? each.take : undefined);
            if (taken) tables.push(taken);
          } else {
            for (const table of tables.splice(each.giveBack, 1)) blocks.free(table);
          }
          blocks.checkIntegrity(tables);
        }
      }),
    );
  });
});
