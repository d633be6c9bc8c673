// Which files of a model are needed: its configuration and texts, and its weights once, in the format that is read best.
// Hubs keep the same weights in several formats, and much else beside them.
import { PagemindError } from '../errors.js';
import { CONSOLIDATED, cutForDevices, SECOND_CUT } from '../load/consolidated.js';

/** What is looked at of a file. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
}

/** Texts are small; what is larger is something else. Some vocabularies have 35 MB. */
const MAX_TEXT_BYTES = 128 * 2 ** 20;
const TEXT = /\.(json|jinja|model|model\.v3|tiktoken|txt)$/;
/** Yi-VL has its tower in a folder of this one. */
const TOWERS = /^vit\/[^/]+\//;
const NO_TEXT = /^(README|LICENSE|NOTICE|requirements|.*\.index\.json$)/i;

/** Vocabularies, of which the first that is there counts; the others are not read. */
const VOCABULARIES: readonly (readonly string[])[] = [
  ['tokenizer.json'],
  ['tokenizer.model'],
  ['tokenizer.model.v3'],
  ['qwen.tiktoken'],
  ['vocab.json', 'merges.txt'],
];

/**
 * Weights, the preferred first: safetensors hold exactly what was trained and can be read in any order, a GGUF file may be
 * quantised, and pickles are read last.
 */
const WEIGHTS: readonly { readonly whole: RegExp; readonly shard: RegExp; readonly index?: string }[] = [
  {
    whole: /^model\.safetensors$/,
    shard: /^(?!consolidated)(model|.*-\d+-of-\d+).*\.safetensors$/,
    index: 'model.safetensors.index.json',
  },
  { whole: /\.gguf$/, shard: /-\d{5}-of-\d{5}\.gguf$/ },
  {
    whole: /^pytorch_model\.bin$/,
    shard: /^pytorch_model-\d+-of-\d+\.bin$/,
    index: 'pytorch_model.bin.index.json',
  },
  {
    whole: /^consolidated\.safetensors$/,
    shard: /^consolidated-\d+-of-\d+\.safetensors$/,
    index: 'consolidated.safetensors.index.json',
  },
  { whole: /\.pth$/, shard: /\.pth$/ },
];

/**
 * The files to download, small ones first.
 * @param weightsFile one file of weights to take instead of what would be chosen, e.g. a `.gguf` among several
 * @throws PagemindError `file_missing` when the model has no weights, `invalid_option` when they have to be named,
 * `unsupported_model` when they are cut for several devices.
 */
export function chooseFiles<File extends ListedFile>(id: string, files: readonly File[], weightsFile?: string): File[] {
  const top = files.filter(({ path }) => !path.includes('/'));
  const has = (path: string): boolean => top.some((file) => file.path === path);
  const vocabulary = VOCABULARIES.find((names) => names.every(has));
  const unused = new Set(VOCABULARIES.filter((names) => names !== vocabulary).flat());
  const texts = top.filter(({ path, size }) => {
    return TEXT.test(path) && !NO_TEXT.test(path) && size <= MAX_TEXT_BYTES && !unused.has(path);
  });
  return [...texts, ...weightsOf(id, files, top, weightsFile), ...towerFiles(id, files)];
}

/** Those of a tower that is a folder of its own. */
function towerFiles<File extends ListedFile>(id: string, files: readonly File[]): readonly File[] {
  const [folder] = files.map(({ path }) => TOWERS.exec(path)?.[0]).filter((found) => found !== undefined);
  if (folder === undefined) return [];
  const inside = files
    .filter(({ path }) => path.startsWith(folder))
    .map((file) => ({ path: file.path.slice(folder.length), size: file.size, file }));
  return inside.some(({ path }) => path === 'config.json') ? chooseFiles(id, inside).map(({ file }) => file) : [];
}

function weightsOf<File extends ListedFile>(
  id: string,
  files: readonly File[],
  top: readonly File[],
  named: string | undefined,
): readonly File[] {
  if (named !== undefined) {
    const find = (wanted: string): File | undefined => files.find(({ path }) => path === wanted);
    if (named.endsWith(CONSOLIDATED) && find(named.replace(CONSOLIDATED, SECOND_CUT))) throw cutForDevices(id);
    const file = find(named);
    if (file) return [file];
    throw new PagemindError('file_missing', `${id} has no file ${named}.`, { hint: hintOf(files) });
  }
  for (const { whole, shard, index } of WEIGHTS) {
    const shards = top.filter(({ path }) => shard.test(path));
    const indexed = index === undefined ? undefined : top.find(({ path }) => path === index);
    const wholes = top.filter(({ path }) => whole.test(path));
    if (wholes.length === 1) return wholes;
    if (wholes.some(({ path }) => path === SECOND_CUT)) throw cutForDevices(id);
    if (indexed && shards.length > 0) return [indexed, ...shards];
    // Shards of one file; several files are versions of the model, among which nobody but the person can choose.
    if (wholes.length > 1 && sameStem(wholes)) return wholes;
    if (wholes.length > 1) {
      throw new PagemindError('invalid_option', `${id} has several files of weights.`, { hint: hintOf(wholes) });
    }
  }
  throw new PagemindError('file_missing', `${id} has no weights that can be read.`, {
    hint: 'Choose a model with safetensors files at its top.',
  });
}

function sameStem(files: readonly ListedFile[]): boolean {
  return new Set(files.map(({ path }) => path.replace(/-\d{5}-of-\d{5}(?=\.gguf$)/, ''))).size === 1;
}

function hintOf(files: readonly ListedFile[]): string {
  const names = files.map(({ path }) => path).filter((path) => /\.(safetensors|gguf|bin|pth)$/.test(path));
  const some = names.slice(0, 12).join(', ');
  return `Name one as weightsFile: ${some}${names.length > 12 ? ', …' : ''}.`;
}
