// The fields of the settings: a number with a slider, a number that may be left out, a choice.
import type { VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import type { Labelled } from '../i18n/dictionary.js';
import { addressIn, DEFAULT_ENDPOINT, type Range, type SliderRange, within } from '../state/settings.js';

interface NumberProps<Value> {
  readonly name: string;
  readonly words: Labelled;
  readonly range: Range;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
}

interface SliderProps extends NumberProps<number> {
  readonly range: SliderRange;
}

export function Slider({ name, words, range: { off, ...range }, value, onChange }: SliderProps): VNode {
  const { language } = useApp();
  const text = useText();
  const shown = value === off ? text.settings.off : value.toLocaleString(language.value, { maximumFractionDigits: 2 });
  const id = `setting-${name}`;
  return (
    <div class="field">
      <label class="field-head" for={id}>
        {words.label}
        <output for={id}>{shown}</output>
      </label>
      <input
        id={id}
        type="range"
        {...range}
        value={value}
        aria-describedby={`${id}-help`}
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <p class="help" id={`${id}-help`}>
        {words.help}
      </p>
    </div>
  );
}

interface OptionalNumberProps extends NumberProps<number | null> {
  /** What an empty field means. */
  readonly placeholder: string;
}

export function OptionalNumber({ name, words, range, value, placeholder, onChange }: OptionalNumberProps): VNode {
  const id = `setting-${name}`;
  return (
    <div class="field">
      <label class="field-head" for={id}>
        {words.label}
      </label>
      <input
        id={id}
        type="number"
        inputMode="numeric"
        {...range}
        value={value ?? ''}
        placeholder={placeholder}
        aria-describedby={`${id}-help`}
        onChange={(event) => {
          const given = within(range, event.currentTarget.valueAsNumber);
          // A value that was clamped to the present one changes nothing, so the field would keep what was typed.
          event.currentTarget.value = given === null ? '' : String(given);
          onChange(given);
        }}
      />
      <p class="help" id={`${id}-help`}>
        {words.help}
      </p>
    </div>
  );
}

interface EndpointProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** An address; what is none is put back, and an empty field is the default. */
export function EndpointField({ value, onChange }: EndpointProps): VNode {
  const { settings: words } = useText();
  return (
    <div class="field">
      <label class="field-head" for="setting-endpoint">
        {words.endpoint.label}
      </label>
      <input
        id="setting-endpoint"
        type="url"
        value={value}
        placeholder={DEFAULT_ENDPOINT}
        aria-describedby="setting-endpoint-help"
        onChange={(event) => {
          const field = event.currentTarget;
          const given = field.value.trim() === '' ? DEFAULT_ENDPOINT : (addressIn(field.value) ?? value);
          field.value = given;
          onChange(given);
        }}
      />
      <p class="help" id="setting-endpoint-help">
        {words.endpoint.help}
      </p>
    </div>
  );
}

interface SelectProps<Value> {
  readonly name: string;
  readonly words: Labelled;
  readonly choices: readonly Value[];
  /** What a choice is called. */
  readonly say: (choice: Value) => string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
}

export function Select<Value extends string | number>(props: SelectProps<Value>): VNode {
  const { name, words, choices, say, value, onChange } = props;
  const id = `setting-${name}`;
  return (
    <div class="field">
      <label class="field-head" for={id}>
        {words.label}
      </label>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-help`}
        onChange={({ currentTarget }) => onChange(choices[currentTarget.selectedIndex] ?? value)}
      >
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {say(choice)}
          </option>
        ))}
      </select>
      <p class="help" id={`${id}-help`}>
        {words.help}
      </p>
    </div>
  );
}
