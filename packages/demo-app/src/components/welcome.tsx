// An empty conversation or story: a question to the person, and a few ways to begin.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';

export function Welcome(): VNode {
  const { conversation, session } = useApp();
  const text = useText();
  const isStory = session.mode.value === 'story';
  const { greeting, greetingHelp, starters } = isStory ? text.story : text.chat;
  return (
    <section class={isStory ? 'welcome writing' : 'welcome'}>
      <h1>{greeting}</h1>
      <p class="soft">{greetingHelp}</p>
      <ul class="starters">
        {starters.map((starter) => (
          <li key={starter}>
            <button type="button" onClick={() => void conversation.send(starter)}>
              {isStory ? `${starter}…` : starter}
            </button>
          </li>
        ))}
      </ul>
      <p class="privacy">{text.privacy}</p>
    </section>
  );
}
