// Opens GGUF files as a checkpoint: one file, or the parts that a large one was split into. What the files hold is gguf.ts and
// the files beside it.
import { PagemindError } from '../errors.js';
import { type GgufHeader, type GgufTensor, readGgufHeader } from './gguf.js';
import { ROPE_FACTORS, readGgufConfig, tensorName } from './gguf-config.js';
import { readGgufTokenizer } from './gguf-tokenizer.js';
import { memorySource } from './memory-source.js';
import type { ByteSource, ModelSource } from './source.js';

/** A tensor under Hugging Face's name. */
export interface GgufEntry extends GgufTensor {
  readonly source: ByteSource;
  readonly file: string;
  /** Rows of a head, where those of its halves come in turns. */
  readonly headDim?: number;
}

/** What a GGUF file brings for a checkpoint. */
export interface GgufContents {
  readonly config: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, GgufEntry>;
  /** The text files of the source, and those that the metadata stands for. */
  readonly texts: ModelSource;
}

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;
const MAX_PARTS = 1024;
const MAX_ROPE_FACTORS = 1024;

/** Files that a folder of the hub holds beside those of the metadata, and that then count. */
const TOKENIZER_FILES: readonly string[] = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];

/**
 * The GGUF file of a source, the first part of a split one; undefined when there is none.
 * @throws PagemindError `unsupported_format` when there are several.
 */
export async function findGguf(source: ModelSource): Promise<string | undefined> {
  const names = (await source.list?.())?.filter((name) => name.endsWith('.gguf') && !name.startsWith('mmproj'));
  const models = new Set(names?.map((name) => partsOf(name)[0] ?? name));
  if (models.size < 2) return [...models][0];
  throw new PagemindError(
    'unsupported_format',
    `${source.name} holds several models: ${[...models].slice(0, 4).join(', ')}${models.size > 4 ? ', ...' : ''}.`,
    { hint: 'Point to one of the files.' },
  );
}

/** Names of the parts of a split file that `name` is one of; for a whole file its own. */
export function partsOf(name: string): readonly string[] {
  const [, stem = '', , total = ''] = PART.exec(name) ?? [];
  if (total === '') return [name];
  const numParts = Math.min(Number(total), MAX_PARTS);
  return Array.from({ length: numParts }, (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${total}.gguf`);
}

/**
 * Opens the model that the file `first` begins.
 * @throws PagemindError `file_missing`, `file_malformed`, `unsupported_model`, `unsupported_format`, `invalid_config`,
 * `invalid_tokenizer`, `source_unreachable`, `aborted`.
 */
export async function openGguf(source: ModelSource, first: string, signal?: AbortSignal): Promise<GgufContents> {
  const parts = await Promise.all(partsOf(first).map((path) => openPart(source, path, signal)));
  const [head] = parts;
  if (!head) throw missingPart(source, first);
  const numParts = head.header.metadata.get('split.count') ?? 1;
  if (numParts !== parts.length && !(numParts === 0 && parts.length === 1)) {
    throw new PagemindError('file_missing', `${first} is one of ${numParts} parts of a model.`, {
      hint: 'Download all parts, under their own names.',
    });
  }
  const all = new Map(parts.flatMap(({ header }) => [...header.tensors]));
  if (all.size < parts.reduce((sum, { header }) => sum + header.tensors.size, 0)) {
    throw new PagemindError('file_malformed', `Two parts of ${first} hold the same tensor.`, {
      hint: 'Download all parts again.',
    });
  }
  const { metadata } = head.header;
  const { config, generationConfig, headDim, isPaired } = readGgufConfig(
    { metadata, tensors: all },
    await readRopeFactors(parts, signal),
    first,
  );
  const tensors = new Map<string, GgufEntry>();
  for (const { header, file, path } of parts) {
    for (const [name, tensor] of header.tensors) {
      if (name === ROPE_FACTORS) continue;
      const entry = { ...tensor, source: file, file: path, ...(isPaired(name) && { headDim }) };
      tensors.set(tensorName(name), entry);
    }
  }
  return {
    config,
    generationConfig,
    tensors,
    texts: await textsOf(source, { config, generationConfig }, metadata, first),
  };
}

interface Part {
  readonly header: GgufHeader;
  readonly file: ByteSource;
  readonly path: string;
}

async function openPart(source: ModelSource, path: string, signal: AbortSignal | undefined): Promise<Part> {
  const file = await source.open(path, signal);
  if (!file) throw missingPart(source, path);
  return { header: await readGgufHeader(file, path, signal), file, path };
}

function missingPart(source: ModelSource, path: string): PagemindError {
  return new PagemindError('file_missing', `${source.name} has no ${path}.`, {
    hint: 'Download all parts of the model, under their own names.',
  });
}

/** The numbers of the one tensor that is a part of the configuration. */
async function readRopeFactors(
  parts: readonly Part[],
  signal: AbortSignal | undefined,
): Promise<Float32Array | undefined> {
  for (const { header, file, path } of parts) {
    const tensor = header.tensors.get(ROPE_FACTORS);
    if (!tensor) continue;
    const { dtype, length, offset } = tensor;
    if (dtype !== 'F32' || length > MAX_ROPE_FACTORS * 4) {
      throw new PagemindError('unsupported_format', `${path}: ${ROPE_FACTORS} is no short list of F32.`, {
        hint: 'Take the safetensors version of the model.',
      });
    }
    return new Float32Array((await file.read(offset, length, signal)).buffer);
  }
  return undefined;
}

/** Text files: a tokenizer beside the GGUF file counts more than the one in it; other texts come from the metadata. */
async function textsOf(
  source: ModelSource,
  configs: Pick<GgufContents, 'config' | 'generationConfig'>,
  metadata: GgufHeader['metadata'],
  path: string,
): Promise<ModelSource> {
  const hasTokenizer = (await source.open('tokenizer.json')) !== undefined;
  const made = memorySource({
    'config.json': JSON.stringify(configs.config),
    'generation_config.json': JSON.stringify(configs.generationConfig),
    ...(!hasTokenizer && readGgufTokenizer(metadata, path)),
  });
  const isBeside = (name: string): boolean => hasTokenizer && TOKENIZER_FILES.includes(name);
  return {
    name: source.name,
    open: (name, signal) => (isBeside(name) ? source : made).open(name, signal),
  };
}
