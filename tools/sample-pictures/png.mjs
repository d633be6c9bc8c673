// Writes and reads PNG files of plain RGB pixels: just what the sample pictures need, no general PNG library.
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Eight bits, RGB, nothing special. */
const kind = [8, 2, 0, 0, 0];

/**
 * @param {{ width: number, height: number, data: Uint8Array }} image `data` is [height, width, 3]
 * @returns {Buffer} the file
 */
export function encodePng({ width, height, data }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set(kind, 8);
  const row = width * 3;
  // Every row begins with its filter: 0, none.
  const rows = Buffer.alloc(height * (row + 1));
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

/** Reads what {@link encodePng} wrote. */
export function decodePng(file) {
  if (!file.subarray(0, 8).equals(signature)) throw new Error('no PNG');
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const length = file.readUInt32BE(33);
  const rows = inflateSync(file.subarray(41, 41 + length));
  const row = width * 3;
  const data = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) data.set(rows.subarray(y * (row + 1) + 1, (y + 1) * (row + 1)), y * row);
  return { width, height, data };
}

function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(named, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
