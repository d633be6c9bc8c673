// How the loaded model is to be quantised: the form. What is going on afterwards is quantize-card.tsx.
import type { TargetedEvent, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import {
  BITS,
  changeRecipe,
  DEFAULT_RECIPE,
  GROUP_SIZES,
  MAX_TEXT,
  METHODS,
  MIN_TEXT,
  type Recipe,
  SAMPLES,
} from '../state/recipe.js';
import { formatNumber } from '../text/format.js';
import { Icon } from './icon.js';
import { Select } from './settings-fields.js';

export function QuantizeDialog(): VNode {
  const { isQuantizeOpen, session } = useApp();
  const { quantize: words, actions } = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = isQuantizeOpen.value;
  const { model = '' } = session.info.value ?? {};
  useEffect(() => {
    if (!dialog.current || dialog.current.open === isOpen) return;
    if (isOpen) dialog.current.showModal();
    else dialog.current.close();
  }, [isOpen]);
  const close = (): void => {
    isQuantizeOpen.value = false;
  };
  return (
    <dialog
      class="quantize"
      ref={dialog}
      aria-labelledby="quantize-title"
      onClose={close}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        close();
      }}
    >
      <div class="quantize-head">
        <h2 id="quantize-title">{words.title(model)}</h2>
        <button type="button" class="quiet" onClick={close} aria-label={actions.close}>
          <Icon name="close" />
        </button>
      </div>
      {isOpen && <QuantizeForm onDone={close} />}
    </dialog>
  );
}

/** A file that a person chose to calibrate on. */
interface OwnText {
  readonly name: string;
  readonly text: string;
}

function QuantizeForm({ onDone }: { readonly onDone: () => void }): VNode {
  const app = useApp();
  const { quantize: words } = useText();
  const [recipe, setRecipe] = useState(DEFAULT_RECIPE);
  const [own, setOwn] = useState<OwnText>();
  const change = (part: Partial<Recipe>): void => setRecipe(changeRecipe(recipe, part));
  const isTooShort = own !== undefined && own.text.length < MIN_TEXT;
  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (isTooShort) return;
    onDone();
    app.isSettingsOpen.value = false;
    void app.quantize(recipe, own?.text ?? null);
  };
  return (
    <form onSubmit={submit}>
      <p class="soft">{words.intro}</p>
      <Select
        name="method"
        words={words.method}
        choices={METHODS}
        say={(method) => words.methods[method]}
        value={recipe.method}
        onChange={(method) => change({ method })}
      />
      <div class="quantize-row">
        <Select
          name="bits"
          words={words.bits}
          choices={BITS}
          say={String}
          value={recipe.bits}
          onChange={(bits) => change({ bits })}
        />
        <Select
          name="group"
          words={words.group}
          choices={GROUP_SIZES}
          say={String}
          value={recipe.groupSize}
          onChange={(groupSize) => change({ groupSize })}
        />
        <Select
          name="samples"
          words={words.samples}
          choices={SAMPLES}
          say={String}
          value={recipe.samples}
          onChange={(samples) => change({ samples })}
        />
      </div>
      <TextChoice own={own} onChange={setOwn} />
      {isTooShort && (
        <p class="problem" role="alert">
          {words.tooShort(formatNumber(MIN_TEXT, app.language.value))}
        </p>
      )}
      <button type="submit" class="primary" disabled={isTooShort}>
        {words.start}
      </button>
    </form>
  );
}

interface TextChoiceProps {
  readonly own: OwnText | undefined;
  readonly onChange: (own: OwnText | undefined) => void;
}

function TextChoice({ own, onChange }: TextChoiceProps): VNode {
  const { quantize: words } = useText();
  const input = useRef<HTMLInputElement>(null);
  const read = async (field: HTMLInputElement): Promise<void> => {
    const [file] = field.files ?? [];
    // Choosing the same file again must be a change.
    field.value = '';
    // A character has at least a byte; what the cut leaves of the last one is no harm.
    if (file) onChange({ name: file.name, text: await file.slice(0, MAX_TEXT).text() });
  };
  return (
    <fieldset class="quantize-text">
      <legend class="field-head">{words.text.label}</legend>
      <label>
        <input type="radio" name="text" checked={!own} onChange={() => onChange(undefined)} />
        {words.sampleText}
      </label>
      <label>
        <input
          type="radio"
          name="text"
          checked={own !== undefined}
          onClick={(event) => {
            // It is chosen when a file is.
            if (!own) event.preventDefault();
            input.current?.click();
          }}
        />
        {own ? own.name : words.ownText}
      </label>
      <input
        ref={input}
        type="file"
        accept=".txt,.md,.json,.jsonl,text/*"
        aria-label={words.ownText}
        hidden
        onChange={(event) => void read(event.currentTarget)}
      />
      <p class="help">{words.text.help}</p>
    </fieldset>
  );
}
