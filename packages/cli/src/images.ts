// Images of a command line: files and addresses. Decoding is the library's work.
import { access } from 'node:fs/promises';
import type { ChatMessage } from '@pagemind/core/node';
import { orMistake, type Values } from './arguments.js';

export const IMAGE_OPTIONS = { image: { type: 'string', multiple: true } } as const;

/** The images of `--image`; files are there. */
export async function readImages(values: Values): Promise<readonly string[]> {
  const images = (values['image'] ?? []) as readonly string[];
  for (const image of images) await checkImage(image);
  return images;
}

/** Finds a misspelt path before a model is loaded, or a message written for it. */
export async function checkImage(image: string): Promise<void> {
  const isUrl = /^[a-z][a-z+.-]+:/i.test(image); // one letter is a drive
  if (!isUrl) await orMistake(image, access(image));
}

/** What a message says that shows images; they stand before its text. */
export function contentOf(text: string, images: readonly string[]): ChatMessage['content'] {
  if (images.length === 0) return text;
  return [...images.map((image) => ({ type: 'image', image }) as const), { type: 'text', text }];
}
