// The tools of the sketch pad: brush and shapes, colours, widths of lines.
import type { ComponentChildren, VNode } from 'preact';
import { useApp, useText } from '../app-context.js';
import { COLOURS, type ColourName, type Pen, TOOLS, type Tool, WIDTHS, type WidthName } from '../state/sketch.js';
import { Icon } from './icon.js';

export function SketchTools({ children }: { readonly children: ComponentChildren }): VNode {
  const { pen } = useApp();
  const { sketch: words } = useText();
  const { tool, colour, width, isFilled } = pen.value;
  const set = (change: Partial<Pen>): void => {
    pen.value = { ...pen.peek(), ...change };
  };
  return (
    <div class="sketch-tools">
      <Choice<ColourName>
        name="colour"
        label={words.colour}
        words={words.colours}
        options={Object.keys(COLOURS) as ColourName[]}
        value={colour}
        onChange={(value) => set({ colour: value })}
        show={(value) => <span class="swatch" style={{ background: COLOURS[value] }} />}
      />
      <Choice<Tool>
        name="tool"
        label={words.tool}
        words={words.tools}
        options={TOOLS}
        value={tool}
        onChange={(value) => set({ tool: value })}
        show={(value) => <Icon name={value} />}
      />
      <Choice<WidthName>
        name="width"
        label={words.width}
        words={words.widths}
        options={Object.keys(WIDTHS) as WidthName[]}
        value={width}
        onChange={(value) => set({ width: value })}
        show={(value) => <span class="width" style={{ height: `${WIDTHS[value] / 2}px` }} />}
      />
      <label class="filled">
        <input
          type="checkbox"
          checked={isFilled}
          disabled={tool === 'brush'}
          onChange={(event) => set({ isFilled: event.currentTarget.checked })}
        />
        {words.filled}
      </label>
      <span class="spacer" />
      <div class="sketch-steps">{children}</div>
    </div>
  );
}

interface ChoiceProps<Value extends string> {
  readonly name: string;
  readonly label: string;
  readonly words: Readonly<Record<Value, string>>;
  readonly options: readonly Value[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly show: (value: Value) => VNode;
}

/** One of several, each shown by a picture: radio buttons, so that arrow keys choose. */
function Choice<Value extends string>(props: ChoiceProps<Value>): VNode {
  const { name, label, words, options, value, onChange, show } = props;
  return (
    <fieldset class={`choice choice-${name}`}>
      <legend class="hidden-label">{label}</legend>
      {options.map((option) => (
        <label key={option} title={words[option]}>
          <input
            type="radio"
            name={`sketch-${name}`}
            checked={option === value}
            aria-label={words[option]}
            onChange={() => onChange(option)}
          />
          {show(option)}
        </label>
      ))}
    </fieldset>
  );
}
