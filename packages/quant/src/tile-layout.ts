// Where a weight lies in the main plane. Every format cuts a row into groups of 32 columns and a group into 16-byte
// units; this file orders the units. What is inside a unit is the format's own business.
//
// Four rows form a row-block, eight groups a tile. Inside a tile the eight units that eight neighbouring lanes read
// together are neighbours: one full 128-byte line.

/** Columns of a group. */
export const GROUP: number = 32;
/** 32-bit words of a unit. */
export const UNIT_WORDS: number = 4;

const BLOCK_ROWS = 4;
const TILE_GROUPS = 8;

/** Number of groups of 32 columns, the last one padded with zeros. */
export function numGroups(cols: number): number {
  return Math.ceil(cols / GROUP);
}

/** Number of row-blocks, the last one padded with zero rows. */
export function numBlocks(rows: number): number {
  return Math.ceil(rows / BLOCK_ROWS);
}

/** Bytes of the main plane of a matrix `[rows, cols]`. */
export function tileBytes(rows: number, cols: number, unitsPerGroup: number): number {
  return numBlocks(rows) * BLOCK_ROWS * numGroups(cols) * unitsPerGroup * UNIT_WORDS * 4;
}

/** Index of the unit that holds part `part` of group `group` of row `row`; `groups` is {@link numGroups} of the matrix. */
export function unitIndex(row: number, group: number, part: number, groups: number, unitsPerGroup: number): number {
  const block = Math.floor(row / BLOCK_ROWS);
  const tile = Math.floor(group / TILE_GROUPS);
  const tileWidth = Math.min(TILE_GROUPS, groups - tile * TILE_GROUPS);
  const start = (block * BLOCK_ROWS * groups + tile * TILE_GROUPS * BLOCK_ROWS) * unitsPerGroup;
  return start + (part * BLOCK_ROWS + (row % BLOCK_ROWS)) * tileWidth + (group % TILE_GROUPS);
}

/** Index of the 32-bit word number `word` of group `group` of row `row`, counting through the group's units. */
export function wordIndex(row: number, group: number, word: number, groups: number, unitsPerGroup: number): number {
  const part = Math.floor(word / UNIT_WORDS);
  return unitIndex(row, group, part, groups, unitsPerGroup) * UNIT_WORDS + (word % UNIT_WORDS);
}
