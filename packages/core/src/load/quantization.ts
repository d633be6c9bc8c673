// What the configuration files of a quantised checkpoint say about it, as far as its tensors cannot tell. Untrusted; how
// the tensors are laid out is quantized.ts.
import { PagemindError } from '../errors.js';
import { isRecord, parseJsonObject } from './json.js';

/** What a checkpoint says about its quantised matrices; everything may be missing. */
export interface Quantization {
  /** The file that says it. */
  readonly file: string;
  /** `quant_method`, in lower case. */
  readonly method?: string;
  readonly bits?: number;
  /** Columns of a group; -1: all columns. */
  readonly groupSize?: number;
  /** AWQ: `gemm` or `gemv`. */
  readonly version?: string;
  /** GPTQ: zero points are stored as they are, not less 1. */
  readonly isVersion2: boolean;
  /** MLX: what differs for single matrices, by their stems. */
  readonly overrides: Readonly<Record<string, unknown>>;
}

/** Files beside config.json that older tools wrote. */
const FILES = ['quantize_config.json', 'quant_config.json'] as const;

/**
 * Reads what a checkpoint says of its quantisation.
 * @throws PagemindError `invalid_config`, `file_malformed`.
 */
export async function readQuantization(
  config: Readonly<Record<string, unknown>>,
  readText: (path: string) => Promise<string | undefined>,
): Promise<Quantization> {
  const text = isRecord(config['text_config']) ? config['text_config'] : {};
  for (const key of ['quantization_config', 'quantization']) {
    const said = config[key] ?? text[key];
    if (isRecord(said)) return parse(said, 'config.json');
  }
  for (const file of FILES) {
    const said = await readText(file);
    if (said !== undefined) return parse(parseJsonObject(said, file, 'invalid_config'), file);
  }
  return { file: 'config.json', isVersion2: false, overrides: {} };
}

/** The error for a checkpoint whose configuration and tensors disagree. */
export function contradiction({ file }: Quantization, said: string, found: string): PagemindError {
  return new PagemindError('invalid_config', `${file} says ${said}, but ${found}.`, {
    hint: 'Configuration and weights do not belong together; download all files again.',
  });
}

function parse(said: Readonly<Record<string, unknown>>, file: string): Quantization {
  const groups = isRecord(said['config_groups']) ? Object.values(said['config_groups']) : [];
  const weights = groups.map((group) => (isRecord(group) && isRecord(group['weights']) ? group['weights'] : {}));
  const number = (...keys: string[]): number | undefined => {
    const values = [said, ...weights].flatMap((from) => keys.map((key) => from[key])).filter((value) => value != null);
    const [first] = values;
    if (first === undefined) return undefined;
    if (typeof first !== 'number' || !Number.isInteger(first)) throw wrong(file, keys[0], first);
    if (values.some((value) => value !== first)) {
      throw new PagemindError('unsupported_format', `${file}: ${keys[0]} differs between groups of weights.`, {
        hint: 'Take a version of the model that is quantised alike throughout.',
      });
    }
    return first;
  };
  const string = (key: string): string | undefined => {
    const value = said[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw wrong(file, key, value);
    return value.toLowerCase();
  };
  const method = string('quant_method');
  const bits = number('bits', 'w_bit', 'num_bits');
  const groupSize = number('group_size', 'q_group_size');
  const version = string('version');
  return {
    file,
    ...(method !== undefined && { method }),
    ...(bits !== undefined && { bits }),
    ...(groupSize !== undefined && { groupSize }),
    ...(version !== undefined && { version }),
    isVersion2: string('checkpoint_format') === 'gptq_v2',
    overrides: said,
  };
}

function wrong(file: string, key: string | undefined, value: unknown): PagemindError {
  return new PagemindError('invalid_config', `${file}: ${key} is ${JSON.stringify(value)?.slice(0, 60)}.`, {
    hint: 'Download the checkpoint again, or report it if the original file says so too.',
  });
}
