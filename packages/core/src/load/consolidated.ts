// Models as Meta and Mistral publish theirs, in Hugging Face's terms: params.json becomes config.json, and tensors get the
// names there, so that families need not know where a model came from. Opening the files is checkpoint.ts.
import { PagemindError } from '../errors.js';
import type { TensorEntry } from './tensor-entry.js';

/** Says how large a model is that was published so. */
export const PARAMS = 'params.json';
/** Its weights in one file of PyTorch's. */
export const CONSOLIDATED = 'consolidated.00.pth';
/** Is there, too, when they were cut for several devices. */
export const SECOND_CUT = 'consolidated.01.pth';

/** Patterns of tensor names, and what they become. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^tok_embeddings\./, 'model.embed_tokens.'],
  [/^norm\./, 'model.norm.'],
  [/^output\./, 'lm_head.'],
  [/^layers\.(\d+)\.attention_norm\./, 'model.layers.$1.input_layernorm.'],
  [/^layers\.(\d+)\.attention\.w([qkvo])\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^layers\.(\d+)\.ffn_norm\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^layers\.(\d+)\.feed_forward\.w1\./, 'model.layers.$1.mlp.gate_proj.'],
  [/^layers\.(\d+)\.feed_forward\.w2\./, 'model.layers.$1.mlp.down_proj.'],
  [/^layers\.(\d+)\.feed_forward\.w3\./, 'model.layers.$1.mlp.up_proj.'],
];
/** Tensors whose rows come in the order of interleaved rotary pairs: (0, D/2), (1, D/2 + 1), ... of every head. */
const PAIRED = /^layers\.\d+\.attention\.w[qk]\.weight$/;
const TABLE = 'tok_embeddings.weight';
/** A buffer of what follows from the configuration. */
const ROPE_BUFFER = 'rope.freqs';

/** Keys that make a model Mistral's. */
const MISTRAL_KEYS = ['hidden_dim', 'head_dim', 'sliding_window'] as const;
/** Keys of what shows in the tensors, or is the engine's to decide. */
const UNUSED_KEYS: readonly string[] = [
  ...['multiple_of', 'ffn_dim_multiplier', 'tied_embeddings'],
  ...['max_batch_size', 'max_seq_len'],
];

/** What params.json says, before anything of the weights is asked for. */
export interface Params {
  /** Keys of config.json, but for those that follow from the tensors. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly headDim: number;
}

/**
 * Reads params.json. It names no architecture, so that a key which is not known may mean another one.
 * @throws PagemindError `invalid_config`; `unsupported_model` for a key that is not known, unless it is false or null.
 */
export function readParams(values: Readonly<Record<string, unknown>>, name: string): Params {
  const unread = new Set(Object.keys(values));
  for (const key of UNUSED_KEYS) unread.delete(key);
  const get = (key: string): unknown => {
    unread.delete(key);
    return values[key] ?? undefined;
  };
  const positive = (key: string, fallback?: number): number => {
    const value = get(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw invalid(key, 'a positive number', value);
  };
  const count = (key: string, fallback?: number): number => {
    const value = positive(key, fallback);
    if (Number.isInteger(value) && value <= MAX_COUNT) return value;
    throw invalid(key, `a whole number up to ${MAX_COUNT}`, value);
  };
  const only = (key: string, wanted: unknown): void => {
    if ((get(key) ?? wanted) !== wanted) throw unsupported(name, key);
  };

  const isMistral = MISTRAL_KEYS.some((key) => get(key) !== undefined);
  const [hiddenSize, numHeads] = [count('dim'), count('n_heads')];
  const headDim = count('head_dim', hiddenSize / numHeads);
  const normEpsilon = positive('norm_eps', 1e-5);
  const window = readWindow(get('sliding_window'));
  const theta = positive('rope_theta', isMistral && window === undefined ? 1e6 : 10_000);
  const isScaled = readFlag('use_scaled_rope', get('use_scaled_rope'));
  const config = {
    ...(isMistral
      ? { model_type: 'mistral', architectures: ['MistralForCausalLM'] }
      : { model_type: 'llama', architectures: ['LlamaForCausalLM'] }),
    hidden_size: hiddenSize,
    num_hidden_layers: count('n_layers'),
    num_attention_heads: numHeads,
    num_key_value_heads: count('n_kv_heads', numHeads),
    head_dim: headDim,
    rms_norm_eps: normEpsilon,
    rope_theta: theta,
    ...(isScaled && { rope_scaling: llama3Scaling(hiddenSize) }),
    ...(window !== undefined && { sliding_window: window }),
    max_position_embeddings: count(
      'max_position_embeddings',
      isMistral ? 32_768 : trainedLength(theta, isScaled, normEpsilon),
    ),
    ...(get('hidden_dim') !== undefined && { intermediate_size: count('hidden_dim') }),
    ...(get('vocab_size') !== undefined && values['vocab_size'] !== -1 && { vocab_size: count('vocab_size') }),
  };
  only('model_type', 'transformer');
  for (const key of unread) only(key, false);
  return { config, headDim };
}

/**
 * The whole config.json: the tensors say what params.json leaves out.
 * @throws PagemindError `tensor_missing`.
 */
export function completeConfig(
  { config }: Params,
  stored: ReadonlyMap<string, TensorEntry>,
  name: string,
): Readonly<Record<string, unknown>> {
  const tensor = (path: string): TensorEntry => {
    const entry = stored.get(path);
    if (entry) return entry;
    throw new PagemindError('tensor_missing', `${name} has ${PARAMS}, but no tensor ${path}.`, {
      hint: 'The file of weights belongs to another model; download both again.',
    });
  };
  const [table, head] = [tensor(TABLE), stored.get('output.weight')];
  return {
    vocab_size: table.shape[0],
    intermediate_size: tensor('layers.0.feed_forward.w1.weight').shape[0],
    ...config,
    // torch.save keeps a table that stands under two names once.
    tie_word_embeddings: !head || (head.source === table.source && head.offset === table.offset),
  };
}

/** Whether tensors have the names that they were published under. */
export function hasPublishedNames(stored: ReadonlyMap<string, TensorEntry>): boolean {
  return stored.has(TABLE);
}

/** The tensors under Hugging Face's names. */
export function renameTensors(
  stored: ReadonlyMap<string, TensorEntry>,
  headDim: number,
): ReadonlyMap<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>();
  for (const [path, entry] of stored) {
    if (path === ROPE_BUFFER) continue;
    const rule = NAMES.find(([pattern]) => pattern.test(path));
    tensors.set(rule ? path.replace(...rule) : path, PAIRED.test(path) ? { ...entry, headDim } : entry);
  }
  return tensors;
}

/** The error for weights that were cut for several devices. */
export function cutForDevices(name: string): PagemindError {
  return new PagemindError(
    'unsupported_model',
    `The weights of ${name} are cut for several devices: ${CONSOLIDATED}, ${SECOND_CUT} and so on.`,
    { hint: 'Take the model as transformers stores it (its name may end in -hf), or a GGUF file of it.' },
  );
}

const MAX_COUNT = 2 ** 24;

/** Mistral's first release has it as a string. */
function readWindow(value: unknown): number | undefined {
  const window = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (window === undefined || (typeof window === 'number' && Number.isInteger(window) && window > 0)) return window;
  throw invalid('sliding_window', 'a whole number', value);
}

function readFlag(key: string, value: unknown = false): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(key, 'true or false', value);
}

/**
 * Llama 3.1 and later. The factor of Llama 3.2's small models, of 1B and 3B, is in the repositories' config.json alone; Meta's
 * own code has the others' for them.
 */
function llama3Scaling(hiddenSize: number): Readonly<Record<string, unknown>> {
  const factor = hiddenSize < 4096 ? 32 : 8;
  return {
    ...{ rope_type: 'llama3', factor, low_freq_factor: 1, high_freq_factor: 4 },
    original_max_position_embeddings: 8192,
  };
}

/** The length that a Llama was trained for, which tells in what else differs from release to release. */
function trainedLength(theta: number, isScaled: boolean, normEpsilon: number): number {
  if (isScaled) return 131_072; // 3.1 and later
  if (theta >= 1e6) return 16_384; // Code Llama
  if (theta > 10_000) return 8192; // 3
  return normEpsilon < 1e-5 ? 2048 : 4096; // 1, 2
}

function invalid(key: string, wanted: string, value: unknown): PagemindError {
  const found = value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 60);
  return new PagemindError('invalid_config', `${PARAMS}: ${key} must be ${wanted}, but is ${found}.`, {
    hint: `Download ${PARAMS} again.`,
  });
}

function unsupported(name: string, key: string): PagemindError {
  return new PagemindError('unsupported_model', `${name}: models with ${key.slice(0, 80)} in ${PARAMS} are not read.`, {
    hint: 'Read are Llama 1 to 3.2 and Mistral 7B, for text. Others may run as transformers stores them.',
  });
}
