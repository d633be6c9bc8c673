// The settings: beside the page on a wide screen, over it on a narrow one. Single fields are settings-fields.tsx.
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { QUANTIZE_CHOICES, SEED_RANGE, SESSION_RANGE, SLIDERS, type SliderKey } from '../state/settings.js';
import { Icon } from './icon.js';
import { EndpointField, OptionalNumber, Select, Slider } from './settings-fields.js';

const NARROW = '(max-width: 60rem)';

export function SettingsPanel(): VNode {
  const { isSettingsOpen } = useApp();
  const text = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isSettingsOpen.value;
  useEffect(() => {
    if (!dialog.current || dialog.current.open === isOpen) return;
    if (!isOpen) dialog.current.close();
    else if (matchMedia(NARROW).matches) dialog.current.showModal();
    else dialog.current.show();
  }, [isOpen]);
  const close = (): void => {
    isSettingsOpen.value = false;
  };
  return (
    <dialog
      id="settings"
      class="settings"
      ref={dialog}
      aria-labelledby="settings-title"
      onClose={close}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        close();
      }}
    >
      <div class="settings-head">
        <h2 id="settings-title">{text.settings.title}</h2>
        <button type="button" class="quiet" onClick={close} aria-label={text.actions.close}>
          <Icon name="close" />
        </button>
      </div>
      <SystemPrompt />
      <Writing />
      <Loading />
      <Keeping />
    </dialog>
  );
}

function SystemPrompt(): VNode {
  const { preferences, session } = useApp();
  const { settings: words } = useText();
  const isUnused = session.mode.value === 'story';
  return (
    <fieldset>
      <label class="field-head" for="system-prompt">
        {words.systemPrompt.label}
      </label>
      <textarea
        id="system-prompt"
        rows={4}
        placeholder={words.systemPromptPlaceholder}
        value={preferences.settings.value.systemPrompt}
        disabled={isUnused}
        aria-describedby="system-prompt-help"
        onInput={(event) => preferences.set({ systemPrompt: event.currentTarget.value })}
      />
      <p class="help" id="system-prompt-help">
        {isUnused ? words.systemPromptStory : words.systemPrompt.help}
      </p>
    </fieldset>
  );
}

function Writing(): VNode {
  const { preferences } = useApp();
  const { settings: words } = useText();
  const { generation } = preferences.settings.value;
  return (
    <fieldset>
      <legend>{words.sampling}</legend>
      {(Object.keys(SLIDERS) as SliderKey[]).map((key) => (
        <Slider
          key={key}
          name={key}
          words={words.sliders[key]}
          range={SLIDERS[key]}
          value={generation[key]}
          onChange={(value) => preferences.setGeneration({ [key]: value })}
        />
      ))}
      <OptionalNumber
        name="seed"
        words={words.seed}
        range={SEED_RANGE}
        value={generation.seed}
        placeholder={words.random}
        onChange={(seed) => preferences.setGeneration({ seed })}
      />
    </fieldset>
  );
}

function Loading(): VNode {
  const app = useApp();
  const { preferences, session } = app;
  const { settings: words } = useText();
  const { load, endpoint } = preferences.settings.value;
  const state = session.state.value;
  const used = state.kind === 'ready' ? state.loadSettings : undefined;
  const isChanged = used !== undefined && (used.quantize !== load.quantize || used.sessionLen !== load.sessionLen);
  return (
    <fieldset>
      <legend>{words.loading}</legend>
      <Select
        name="quantize"
        words={words.quantize}
        choices={QUANTIZE_CHOICES}
        say={(choice) => words.quantizeChoices[choice]}
        value={load.quantize}
        onChange={(quantize) => preferences.setLoad({ quantize })}
      />
      {app.canQuantize.value && <QuantizeOpener />}
      <OptionalNumber
        name="sessionLen"
        words={words.sessionLen}
        range={SESSION_RANGE}
        value={load.sessionLen}
        placeholder={words.automatic}
        onChange={(sessionLen) => preferences.setLoad({ sessionLen })}
      />
      <EndpointField value={endpoint} onChange={(value) => preferences.set({ endpoint: value })} />
      {isChanged && (
        <div class="apply">
          <p class="help">{words.applyByReload}</p>
          <button type="button" class="primary" onClick={() => void app.reload()}>
            {words.reload}
          </button>
        </div>
      )}
      <button type="button" class="plain" onClick={() => preferences.resetToDefaults()}>
        {words.reset}
      </button>
    </fieldset>
  );
}

/** The better way to fewer bits. */
function QuantizeOpener(): VNode {
  const { isQuantizeOpen } = useApp();
  const { quantize: words } = useText();
  return (
    <div>
      <button
        type="button"
        class="plain"
        onClick={() => {
          isQuantizeOpen.value = true;
        }}
      >
        {words.open}
      </button>
      <p class="help">{words.openHelp}</p>
    </div>
  );
}

function Keeping(): VNode {
  const { keeper } = useApp();
  const { settings: words } = useText();
  return (
    <fieldset>
      <legend>{words.conversation}</legend>
      <p class="help">{keeper.isKeeping.value ? words.kept : words.notKept}</p>
    </fieldset>
  );
}
