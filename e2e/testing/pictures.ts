// Pictures for the browser tests, and the ways in which a person brings them to the demo page.
import { readFileSync } from 'node:fs';
import { expect, type Locator, type Page } from '@playwright/test';
import { encodePng } from '../../tools/sample-pictures/png.mjs';

/** A file as a person would have it. */
export interface PictureFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** One of the demo's sample pictures: 240 × 240, `shapes` is a red circle left of a blue square. */
export function sampleFile(id: string): PictureFile {
  const path = `../../packages/demo-app/src/pictures/samples/${id}.png`;
  return { name: `${id}.png`, mimeType: 'image/png', buffer: readFileSync(new URL(path, import.meta.url)) };
}

/** A PNG of one dark colour. */
export function plainFile(width: number, height: number): PictureFile {
  const data = new Uint8Array(width * height * 3).fill(40);
  return { name: `${width}x${height}.png`, mimeType: 'image/png', buffer: encodePng({ width, height, data }) };
}

/** Looks like a PNG from outside. */
export const BROKEN_FILE: PictureFile = {
  name: 'broken.png',
  mimeType: 'image/png',
  buffer: Buffer.from('no picture at all'),
};

/** Drops files somewhere on the page, or pastes them. */
export async function bring(page: Page, how: 'drop' | 'paste', files: readonly PictureFile[]): Promise<void> {
  const plain = files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString('base64') }));
  const transfer = await page.evaluateHandle(async (given) => {
    const data = new DataTransfer();
    for (const { name, mimeType, base64 } of given) {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      data.items.add(new File([bytes], name, { type: mimeType }));
    }
    return data;
  }, plain);
  if (how === 'drop') {
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    return;
  }
  await page.evaluate((data) => {
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, transfer);
}

/** Where something lies on the sketch pad's paper, in shares of its side. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The sketch pad of the demo page, as a hand uses it. */
export class SketchPad {
  readonly pad: Locator;
  readonly paper: Locator;
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
    this.pad = page.getByRole('dialog', { name: 'Sketch pad' });
    this.paper = this.pad.getByLabel('Paper to draw on');
  }

  /** From the welcome or, while one talks, from the composer. */
  async open(): Promise<void> {
    await this.#page.getByRole('button', { name: 'Draw something' }).last().click();
    await expect(this.pad).toBeVisible();
  }

  async choose(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.pad.getByRole('radio', { name, exact: true }).check();
  }

  async drag(from: Place, to: Place): Promise<void> {
    const box = await this.paper.boundingBox();
    if (!box) throw new Error('the paper is not to be seen');
    const at = ({ x, y }: Place): [number, number] => [box.x + x * box.width, box.y + y * box.height];
    await this.#page.mouse.move(...at(from));
    await this.#page.mouse.down();
    await this.#page.mouse.move(...at(to), { steps: 8 });
    await this.#page.mouse.up();
  }

  /** A red circle left of a blue square, both large. */
  async drawCircleAndSquare(): Promise<void> {
    await this.choose('Circle', 'Red');
    await this.drag({ x: 0.06, y: 0.3 }, { x: 0.46, y: 0.7 });
    await this.choose('Square', 'Blue');
    await this.drag({ x: 0.54, y: 0.3 }, { x: 0.94, y: 0.7 });
  }

  async press(name: string): Promise<void> {
    await this.pad.getByRole('button', { name }).click();
  }

  /** Pixels of the paper that are not white. */
  numColoured(): Promise<number> {
    return this.paper.evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const { data = [] } = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height) ?? {};
      return Array.from(data).filter((value, index) => index % 4 < 3 && value < 250).length;
    });
  }
}
