// Runs a Jinja template that nobody vouches for: within bounds, with a given clock, and with errors that say whose fault it is.
// What a chat is belongs in chat-template.ts.
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { PagemindError } from '../errors.js';
import { strftime } from './strftime.js';

/** Bounds of one rendering. A template has no endless loop, but loops in loops and doubled strings do as well. */
export interface RenderLimits {
  readonly maxMs: number;
  /** Length of a string, and of what is rendered. */
  readonly maxChars: number;
  /** Length of a list, and of a range. */
  readonly maxItems: number;
}

const DEFAULT_LIMITS: RenderLimits = { maxMs: 10_000, maxChars: 1 << 24, maxItems: 100_000 };

/** The longest chat templates in use have 20 thousand characters. */
const MAX_TEMPLATE_CHARS = 1_000_000;

/** A parsed template. */
export interface JinjaTemplate {
  /**
   * @param now What `strftime_now` tells.
   * @throws PagemindError `invalid_request` when the template itself refuses (`raise_exception`), with its words;
   * `invalid_template` when it fails.
   */
  render(variables: Readonly<Record<string, unknown>>, now: Date): string;
}

/** What `raise_exception` throws. */
class Refusal extends Error {}

type Evaluate = Interpreter['evaluate'];

/** Every node of a template is evaluated through `evaluate`, so this is where work is counted. */
class BoundedInterpreter extends Interpreter {
  readonly #limits: RenderLimits;
  readonly #deadline: number;

  constructor(environment: Environment, limits: RenderLimits) {
    super(environment);
    this.#limits = limits;
    this.#deadline = performance.now() + limits.maxMs;
  }

  override evaluate(...args: Parameters<Evaluate>): ReturnType<Evaluate> {
    if (performance.now() > this.#deadline) throw new Error(`it takes longer than ${this.#limits.maxMs} ms`);
    const result = super.evaluate(...args);
    // The library's `first` and `last` give nothing at all for an empty list.
    const value = result?.value;
    if (typeof value === 'string' && value.length > this.#limits.maxChars)
      throw new Error('it makes too long a string');
    if (Array.isArray(value) && value.length > this.#limits.maxItems) throw new Error('it makes too long a list');
    return result;
  }
}

/** Python's range, no longer than a list may be. */
function boundedRange(maxItems: number, first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= maxItems)) throw new Error(`range() of more than ${maxItems} items`);
  return Array.from({ length }, (_, index) => start + index * step);
}

function globals(now: Date, limits: RenderLimits): Environment {
  const environment = new Environment();
  const values: Record<string, unknown> = {
    true: true,
    false: false,
    none: null,
    // Jinja takes both spellings.
    True: true,
    False: false,
    None: null,
    range: (first: number, second?: number, step?: number) => boundedRange(limits.maxItems, first, second, step),
    strftime_now: (format: unknown) => strftime(now, String(format)),
    raise_exception: (message: unknown) => {
      throw new Refusal(String(message));
    },
  };
  for (const [name, value] of Object.entries(values)) environment.set(name, value);
  return environment;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Parses a template, with `trim_blocks` and `lstrip_blocks` on as Hugging Face transformers has them.
 * @throws PagemindError `invalid_template`.
 */
export function parseJinja(source: string, limits: RenderLimits = DEFAULT_LIMITS): JinjaTemplate {
  const hint = 'Report the template to its model, or give another one.';
  if (source.length > MAX_TEMPLATE_CHARS) {
    throw new PagemindError('invalid_template', `The chat template is longer than ${MAX_TEMPLATE_CHARS} characters.`, {
      hint,
    });
  }
  let program: ReturnType<typeof parse>;
  try {
    program = parse(tokenize(source, { trim_blocks: true, lstrip_blocks: true }));
  } catch (cause) {
    throw new PagemindError('invalid_template', `The chat template cannot be parsed: ${messageOf(cause)}`, {
      cause,
      hint,
    });
  }
  return {
    render: (variables, now) => {
      const environment = new Environment(globals(now, limits));
      try {
        for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      } catch (cause) {
        throw new PagemindError('invalid_request', `The chat template cannot take these values: ${messageOf(cause)}`, {
          cause,
          hint: 'Messages, tools and template options must be plain JSON data.',
        });
      }
      try {
        return String(new BoundedInterpreter(environment, limits).run(program).value);
      } catch (cause) {
        if (cause instanceof Refusal) {
          throw new PagemindError('invalid_request', `The chat template refuses these messages: ${cause.message}`, {
            cause,
            hint: 'Change the messages; the template is the model’s own.',
          });
        }
        throw new PagemindError('invalid_template', `The chat template failed: ${messageOf(cause)}`, { cause, hint });
      }
    },
  };
}
