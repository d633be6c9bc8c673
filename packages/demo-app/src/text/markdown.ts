// Markdown of a model → HTML that is safe to show. A model's text is untrusted: everything passes the sanitiser, and
// nothing that would load from elsewhere survives it.
import DOMPurify from 'dompurify';
import { Marked } from 'marked';

const marked = new Marked({ gfm: true, breaks: true });

const ALLOWED_TAGS = [
  ...['p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'ul', 'ol', 'li', 'pre', 'code'],
  ...['em', 'strong', 'del', 'a', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'sup', 'sub'],
];
const ALLOWED_ATTR = ['href', 'title', 'align', 'start'];

/** A block of the text: a paragraph, a list, a piece of code. Blocks before the last no longer change while streaming. */
export interface MarkdownBlock {
  readonly source: string;
}

export function splitBlocks(text: string): MarkdownBlock[] {
  return marked
    .lexer(text)
    .filter(({ type }) => type !== 'space')
    .map(({ raw }) => ({ source: raw }));
}

export function renderBlock({ source }: MarkdownBlock): string {
  return DOMPurify.sanitize(marked.parse(source, { async: false }), { ALLOWED_TAGS, ALLOWED_ATTR });
}
