// Whether a chat template wants the content of a message as a list of parts or as text. Templates do not say; they are
// asked with a message that has an image.
import type { ChatTemplate } from './chat-template.js';

/** `parts`: `[{ type: 'image' }, { type: 'text', text }]`, as Hugging Face's processors have it; `text`: a string. */
export type ContentStyle = 'parts' | 'text';

const PROBE = 'pagemind-probe';

/** @param marker the text of the token that stands for an image */
export function contentStyleOf(template: ChatTemplate, marker: string): ContentStyle {
  const content = [{ type: 'image' }, { type: 'text', text: PROBE }];
  try {
    const prompt = template.render([{ role: 'user', content }]);
    return prompt.includes(marker) && prompt.includes(PROBE) && !prompt.includes('[object') ? 'parts' : 'text';
  } catch {
    return 'text';
  }
}
