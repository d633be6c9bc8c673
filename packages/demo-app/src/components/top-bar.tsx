// The bar at the top: name, model, language, settings.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { Icon, Logo } from './icon.js';
import { ModelPicker } from './model-picker.js';

export function TopBar(): VNode {
  const { conversation, isSettingsOpen } = useApp();
  const text = useText();
  const hasTurns = conversation.turns.value.length > 0;
  return (
    <header class="top-bar">
      <span class="brand">
        <Logo />
        <span class="brand-name">Pagemind</span>
      </span>
      <ModelPicker />
      <span class="spacer" />
      {hasTurns && (
        <button type="button" class="quiet" onClick={() => conversation.clear()} title={text.actions.clear}>
          <Icon name="clear" />
          <span class="wide-only">{text.actions.clear}</span>
        </button>
      )}
      <LanguageToggle />
      <button
        type="button"
        class="quiet"
        aria-expanded={isSettingsOpen.value}
        aria-controls="settings"
        title={text.settings.title}
        onClick={() => {
          isSettingsOpen.value = !isSettingsOpen.value;
        }}
      >
        <Icon name="settings" />
        <span class="wide-only">{text.settings.title}</span>
      </button>
    </header>
  );
}

/** Offers the other language, in its own words. */
function LanguageToggle(): VNode {
  const { preferences, language } = useApp();
  const other = language.value === 'en' ? 'zh' : 'en';
  return (
    <button type="button" class="quiet" lang={other} onClick={() => preferences.set({ language: other })}>
      {other === 'zh' ? '中文' : 'English'}
    </button>
  );
}
