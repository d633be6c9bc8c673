// An empty conversation or story: a question to the person, and a few ways to begin.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { Icon } from './icon.js';
import { SampleRow } from './sample-row.js';

export function Welcome(): VNode {
  const app = useApp();
  const { conversation, session } = app;
  const text = useText();
  const isStory = session.mode.value === 'story';
  const takesPictures = session.takesPictures.value;
  const { greeting, greetingHelp, starters } = isStory ? text.story : takesPictures ? text.pictures : text.chat;
  return (
    <section class={isStory ? 'welcome writing' : 'welcome'}>
      <h1>{greeting}</h1>
      <p class="soft">{greetingHelp}</p>
      {takesPictures && (
        <SampleRow label={text.pictures.describeSample} onChosen={(sample) => void app.describe(sample)} />
      )}
      <ul class="starters">
        {takesPictures && (
          <li>
            <DrawStarter />
          </li>
        )}
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

function DrawStarter(): VNode {
  const { isSketchOpen } = useApp();
  const { pictures: words } = useText();
  return (
    <button
      type="button"
      class="draw-starter"
      onClick={() => {
        isSketchOpen.value = true;
      }}
    >
      <Icon name="brush" />
      <span>
        <strong>{words.draw}</strong>
        <span class="soft">{words.drawHelp}</span>
      </span>
    </button>
  );
}
