// The button that names the loaded model, and the list that it opens.
import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { Icon } from './icon.js';
import { ModelList } from './model-list.js';

export function ModelPicker(): VNode {
  const { session } = useApp();
  const text = useText();
  const popover = useRef<HTMLDivElement>(null);
  const state = session.state.value;
  return (
    <>
      <button type="button" class="picker" popovertarget="models" aria-label={text.model.choose}>
        <span class={`dot ${state.kind}`} />
        <span class="picker-name">{state.kind === 'empty' ? text.model.choose : state.choice.name}</span>
        <Icon name="chevron" />
      </button>
      <div id="models" class="popover" popover="auto" ref={popover} role="dialog" aria-label={text.model.choose}>
        <ModelList onChosen={() => popover.current?.hidePopover()} />
      </div>
    </>
  );
}
