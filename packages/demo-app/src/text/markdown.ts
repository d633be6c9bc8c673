// Markdown of a model → HTML that is safe to show. A model's text is untrusted: everything passes the sanitiser, and
// nothing that would load from elsewhere survives it.
import createPurifier, { type Config } from 'dompurify';
import { Marked } from 'marked';

/** Text without formatting around it, e.g. a paragraph, a list, a piece of code. */
export type MarkdownBlock = string;

export interface MarkdownRenderer {
  /** The blocks of a text. While a text grows, those before the last no longer change. */
  split(text: string): MarkdownBlock[];
  /** Safe HTML. */
  render(block: MarkdownBlock): string;
}

const SANITISER_OPTIONS: Config = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'ul', 'ol', 'li', 'pre', 'code'],
    ...['em', 'strong', 'del', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'sup', 'sub'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'align', 'start'],
  ALLOWED_URI_REGEXP: /^(https?|mailto):/i,
};

/** @param page the window whose HTML parser is used */
export function createMarkdownRenderer(page: Window & typeof globalThis): MarkdownRenderer {
  // Tags that a model writes are text: it may be talking about them.
  const marked = new Marked({ gfm: true, breaks: true, renderer: { html: ({ text }) => escapeHtml(text) } });
  const purifier = createPurifier(page);
  purifier.addHook('afterSanitizeAttributes', (node) => {
    if (node.tagName !== 'A') return;
    // A link must not take the conversation's place, nor learn of it.
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  });
  return {
    split: (text) =>
      marked
        .lexer(text)
        .filter(({ type }) => type !== 'space')
        .map(({ raw }) => raw),
    render: (block) => purifier.sanitize(marked.parse(block, { async: false }), SANITISER_OPTIONS),
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
