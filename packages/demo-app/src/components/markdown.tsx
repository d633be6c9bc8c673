// A model's Markdown. Blocks that are finished are not rendered again while the text grows.
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { createMarkdownRenderer, type MarkdownRenderer } from '../text/markdown.js';

export function Markdown({ text }: { readonly text: string }): VNode {
  const renderer = useMemo(() => createMarkdownRenderer(window), []);
  return (
    <div class="markdown">
      {renderer.split(text).map((block, index) => (
        <Block key={index} renderer={renderer} block={block} />
      ))}
    </div>
  );
}

function Block({ renderer, block }: { readonly renderer: MarkdownRenderer; readonly block: string }): VNode {
  const html = useMemo(() => ({ __html: renderer.render(block) }), [renderer, block]);
  return <div class="markdown-block" dangerouslySetInnerHTML={html} />;
}
