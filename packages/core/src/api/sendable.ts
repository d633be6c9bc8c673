// Makes the images of a prompt ready to cross to an engine in another thread. What may stand where is validate.ts's work.
import type { ChatMessage, ContentPart, Prompt, PromptImage } from '../engine/core.js';
import { type ImageSource, toImageInput } from '../image/image-input.js';

/**
 * The prompt with images that can be cloned: canvases and elements become bitmaps, relative addresses absolute.
 * @throws PagemindError `invalid_request` for what is no image, or may not be read.
 */
export async function toSendable(prompt: Prompt): Promise<Prompt> {
  if (prompt.kind !== 'messages') {
    return prompt.images ? { ...prompt, images: await Promise.all(prompt.images.map(sendImage)) } : prompt;
  }
  return { ...prompt, messages: await toSendableMessages(prompt.messages) };
}

/** The same for messages. Bitmaps are copied, so those of the messages given can be made ready again. */
export function toSendableMessages(messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
  return Promise.all(
    messages.map(async (message) => {
      const { content } = message;
      return typeof content === 'string' ? message : { ...message, content: await Promise.all(content.map(sendPart)) };
    }),
  );
}

async function sendPart(part: ContentPart): Promise<ContentPart> {
  return part.type === 'image' ? { type: 'image', image: await sendImage(part.image) } : part;
}

function sendImage(image: PromptImage): Promise<PromptImage> | PromptImage {
  const isPixelValues = typeof image === 'object' && 'kind' in image;
  return isPixelValues ? image : toImageInput(image as ImageSource);
}
