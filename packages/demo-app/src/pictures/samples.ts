// The sample pictures that come with the page; tools/sample-pictures draws them. Their names for people are in the
// dictionaries.
import type { GivenPicture } from '../state/pictures.js';
import fish from './samples/fish.png';
import heart from './samples/heart.png';
import house from './samples/house.png';
import seven from './samples/seven.png';
import shapes from './samples/shapes.png';
import stars from './samples/stars.png';

export type SampleId = 'shapes' | 'stars' | 'house' | 'heart' | 'seven' | 'fish';

const ADDRESSES: Readonly<Record<SampleId, string>> = { shapes, stars, house, heart, seven, fish };

export interface Sample extends Omit<GivenPicture, 'name'> {
  readonly id: SampleId;
}

/** All of them, once: afterwards they need no network. Without them the page does without. */
export async function fetchSamples(fetchBlob: (address: string) => Promise<Blob>): Promise<readonly Sample[]> {
  const ids = Object.keys(ADDRESSES) as SampleId[];
  return Promise.all(ids.map(async (id) => ({ id, blob: await fetchBlob(ADDRESSES[id]) }))).catch(() => []);
}
