// The states of blocks: nothing is lost, no place is given away while it is used, and what is found is what was published,
// whatever the order of calls.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockManager } from './block-manager.js';

function allocate(blocks: BlockManager, count: number): readonly number[] {
  const taken = blocks.allocate(count);
  if (!taken) throw new Error('too few blocks');
  return taken;
}

/** A sequence that fills blocks with `keys`, publishes them and ends. */
function pass(blocks: BlockManager, keys: readonly string[]): readonly number[] {
  const table = allocate(blocks, keys.length);
  blocks.publish(keys, table);
  blocks.release(keys, table);
  return table;
}

function counts({ numFree, numCached, numAvailable }: BlockManager): number[] {
  return [numFree, numCached, numAvailable];
}

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
    const taken = allocate(blocks, 1);
    expect(() => blocks.checkIntegrity([])).toThrow('block 0 has 1 users and is in 0 tables');
    expect(() => blocks.checkIntegrity([taken, taken])).toThrow('block 0 has 1 users and is in 2 tables');
    expect(() => blocks.checkIntegrity([[2]])).toThrow('exist');
    blocks.checkIntegrity([taken]);
    blocks.release([], taken);
    expect(() => blocks.release([], taken)).toThrow('twice');
  });

  it('adopts blocks behind those that it knows, and none where there is no room', () => {
    const blocks = new BlockManager(4, 16);
    const known = pass(blocks, ['a']);
    const adopted = blocks.adopt(['a', 'b', 'c']) ?? [];
    expect(adopted).toHaveLength(2);
    expect(blocks.find(['a', 'b', 'c', 'd'])).toEqual([...known, ...adopted]);
    expect(counts(blocks)).toEqual([1, 3, 4]);
    expect(blocks.adopt(['a', 'b'])).toEqual([]);
    // The one that is free and the place of c; a and b are what the new ones continue.
    expect(blocks.adopt(['a', 'b', 'x', 'y'])).toHaveLength(2);
    expect(blocks.find(['a', 'b', 'x', 'y'])).toHaveLength(4);
    expect(blocks.find(['a', 'b', 'c'])).toHaveLength(2);
    const used = blocks.find(['a', 'b', 'x', 'y']).slice(0, 2);
    blocks.share(used);
    expect(blocks.adopt(['k', 'l', 'm'])).toBeUndefined();
    expect(blocks.find(['a', 'b', 'x', 'y'])).toHaveLength(4);
    blocks.checkIntegrity([used]);
  });

  it('keeps what was published, and frees the rest', () => {
    const blocks = new BlockManager(4, 16);
    const table = allocate(blocks, 3);
    blocks.publish(['a', 'b'], table);
    expect(counts(blocks)).toEqual([1, 0, 1]);
    blocks.release(['a', 'b'], table);
    expect(counts(blocks)).toEqual([2, 2, 4]);
    expect(blocks.find(['a', 'b', 'c'])).toEqual(table.slice(0, 2));
    blocks.checkIntegrity([]);
  });

  it('shares blocks until the last of their users leaves', () => {
    const blocks = new BlockManager(4, 16);
    const first = allocate(blocks, 2);
    blocks.publish(['a'], first);
    const found = blocks.find(['a', 'x']);
    blocks.share(found);
    const second = [...found, ...allocate(blocks, 1)];
    blocks.checkIntegrity([first, second]);
    blocks.release(['a'], first);
    expect(counts(blocks)).toEqual([2, 0, 2]);
    blocks.checkIntegrity([second]);
    blocks.release(['a'], second);
    expect(counts(blocks)).toEqual([3, 1, 4]);
  });

  it('counts cached blocks as available, but not beside a sequence that is to share them', () => {
    const blocks = new BlockManager(3, 16);
    const [first = -1] = pass(blocks, ['a', 'b']);
    expect(blocks.numAvailable).toBe(3);
    const found = blocks.find(['a', 'b']);
    expect(blocks.numAvailableBeside(found)).toBe(1);
    blocks.share([first]);
    expect(blocks.numAvailable).toBe(2);
    expect(blocks.numAvailableBeside(found)).toBe(1);
  });
});

describe('eviction', () => {
  it('comes after free blocks', () => {
    const blocks = new BlockManager(3, 16);
    const [cached] = pass(blocks, ['a']);
    expect(allocate(blocks, 2)).not.toContain(cached);
    expect(blocks.find(['a'])).toEqual([cached]);
    expect(allocate(blocks, 1)).toEqual([cached]);
    expect(blocks.find(['a'])).toEqual([]);
  });

  it('takes the least recently used first, tails before what they continue', () => {
    const blocks = new BlockManager(5, 16);
    const [a, b] = pass(blocks, ['a', 'b']);
    const [x, y] = pass(blocks, ['x', 'y']);
    const found = blocks.find(['a']);
    blocks.share(found);
    blocks.release(['a'], found);
    expect(allocate(blocks, 5)).toEqual([4, b, y, x, a]);
  });

  it('spares a start as long as something that continues it is cached, whoever used it last', () => {
    const blocks = new BlockManager(6, 16);
    // Two sequences fill the same start at once; only the first one's is found, also before what the second one adds.
    const [first, second] = [allocate(blocks, 1), allocate(blocks, 2)];
    blocks.publish(['a'], first);
    blocks.publish(['a', 'b'], second);
    expect(blocks.find(['a', 'b'])).toEqual([first[0], second[1]]);
    blocks.release(['a'], first);
    const [x] = pass(blocks, ['x']);
    blocks.release(['a', 'b'], second);
    allocate(blocks, blocks.numFree);
    expect(allocate(blocks, 3)).toEqual([x, second[1], first[0]]);
  });

  it('of a start makes what others continue it with unknown, until they publish again', () => {
    const blocks = new BlockManager(4, 16);
    const [first, second] = [allocate(blocks, 1), allocate(blocks, 3)];
    blocks.publish(['a'], first);
    blocks.publish(['a', 'b'], second);
    blocks.release(['a'], first);
    expect(allocate(blocks, 1)).toEqual(first);
    expect(blocks.find(['a', 'b'])).toEqual([]);
    blocks.checkIntegrity([first, second]);
    blocks.publish(['a', 'b', 'c'], second);
    expect(blocks.find(['a', 'b', 'c'])).toEqual(second);
    blocks.release(['a', 'b', 'c'], second);
    expect(counts(blocks)).toEqual([0, 3, 3]);
    blocks.checkIntegrity([first]);
  });
});

/** A sequence of the property: what it holds and in which blocks. */
interface Holder {
  readonly keys: readonly string[];
  readonly table: number[];
  numFilled: number;
}

it('keeps its books under any order of calls', () => {
  const call = fc.record({
    act: fc.constantFrom('begin', 'begin', 'fill', 'fill', 'end'),
    keys: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 5 }),
    which: fc.nat({ max: 5 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(call, { maxLength: 40 }), (numBlocks, calls) => {
      const blocks = new BlockManager(numBlocks, 4);
      const holders: Holder[] = [];
      /** What was written into each block: all keys up to its own. */
      const contents = new Map<number, string>();
      const write = (holder: Holder, count: number): void => {
        for (; holder.numFilled < Math.min(count, holder.keys.length); holder.numFilled++) {
          const block = holder.table[holder.numFilled] as number;
          expect(holders.filter(({ table }) => table.includes(block))).toHaveLength(1);
          contents.set(block, holder.keys.slice(0, holder.numFilled + 1).join());
        }
        blocks.publish(holder.keys.slice(0, holder.numFilled), holder.table);
      };
      for (const { act, keys, which } of calls) {
        const holder = holders[which % Math.max(holders.length, 1)];
        if (act === 'begin') {
          const found = blocks.find(keys);
          const numAvailable = blocks.numAvailableBeside(found);
          blocks.share(found);
          expect(blocks.numAvailable).toBe(numAvailable);
          const taken = blocks.allocate(keys.length + 1 - found.length);
          expect(taken !== undefined).toBe(keys.length + 1 - found.length <= numAvailable);
          if (taken) holders.push({ keys, table: [...found, ...taken], numFilled: found.length });
          else blocks.release(keys, found);
        } else if (act === 'fill' && holder) {
          write(holder, holder.numFilled + 1 + (which % 2));
        } else if (holder) {
          holders.splice(holders.indexOf(holder), 1);
          blocks.release(holder.keys, holder.table);
        }
        blocks.checkIntegrity(holders.map(({ table }) => table));
        for (const { keys: wanted } of [{ keys }, ...holders]) {
          for (const [i, block] of blocks.find(wanted).entries()) {
            expect(contents.get(block)).toBe(wanted.slice(0, i + 1).join());
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
