// From a checkpoint to everything that is to be loaded and run: the decoder, and for vision-language models the tower in
// front of it, whose tensors get the names that both sides expect. Which families there are is in the two registries.
import { PagemindError } from '../errors.js';
import { type Checkpoint, hasTensor, openCheckpoint, openTensors } from '../load/checkpoint.js';
import { parseJsonObject } from '../load/json.js';
import { memorySource } from '../load/memory-source.js';
import { smallFiles } from '../load/small-files.js';
import { type ModelSource, splitPath } from '../load/source.js';
import type { WeightSpec } from '../load/weights.js';
import type { DecoderConfig } from './decoder-config.js';
import { decoderWeights, isTiedCopy, weightName } from './decoder-weights.js';
import type { TensorRenames } from './family.js';
import { RawConfig } from './raw-config.js';
import { FAMILIES, resolveFamily } from './registry.js';
import { vlmWeights } from './vlm/projector.js';
import { VLM_FAMILIES } from './vlm/registry.js';
import type { TowerFolder, VlmConfig, VlmFamily } from './vlm/vlm-config.js';

const PROCESSOR = 'preprocessor_config.json';

/** A checkpoint understood. */
export interface ModelPlan {
  /** `model_type` of config.json. */
  readonly family: string;
  /** `architectures[0]` of config.json. */
  readonly architecture: string;
  readonly decoder: DecoderConfig;
  /** Missing: the model takes text alone. */
  readonly vision: VlmConfig | undefined;
  /** The checkpoint, its tensors under the names that the specs use. */
  readonly checkpoint: Checkpoint;
  readonly specs: readonly WeightSpec[];
  /** Tensors that the model does not use and that need no mention. */
  readonly isIgnored: (tensor: string) => boolean;
}

/**
 * Opens the checkpoint of a source whose family is known.
 * @throws PagemindError what {@link openCheckpoint} throws; `unsupported_model` before anything of the weights is asked for.
 */
export async function openModel(source: ModelSource, signal?: AbortSignal): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(source, signal, (config) => {
    const vlm = findVlmFamily(config);
    resolveFamily(vlm ? textConfigOf(config, vlm, () => true) : config);
  });
  const vlm = findVlmFamily(checkpoint.config);
  const folder = checkpoint.packed ? undefined : vlm?.towerFolder?.(new RawConfig(checkpoint.config));
  if (!vlm || !folder || !splitPath(folder.path)) return checkpoint;
  const beside = folderOf(source, folder.path);
  const described = folder.isDescribed ? checkpoint : await withTowerConfig(checkpoint, source, beside, signal);
  return hasTower(rename(described, vlm.renames)) ? described : withTowerWeights(described, folder, beside, signal);
}

function folderOf(source: ModelSource, path: string): ModelSource {
  return { name: `${source.name}/${path}`, open: (file, signal) => source.open(`${path}/${file}`, signal) };
}

/** The checkpoint with what a folder says of its tower, if there is such a folder. */
async function withTowerConfig(
  checkpoint: Checkpoint,
  source: ModelSource,
  beside: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const files = smallFiles(beside);
  const text = await files.readText('config.json', signal);
  if (text === undefined) return checkpoint;
  const tower = parseJsonObject(text, `config.json of ${beside.name}`, 'invalid_config');
  // A model of pictures and texts has the tower of its pictures one level down.
  const config = { ...checkpoint.config, vision_config: tower['vision_config'] ?? tower };
  const processor = await files.readText(PROCESSOR, signal);
  const made = memorySource({
    'config.json': JSON.stringify(config),
    ...(processor !== undefined && { [PROCESSOR]: processor }),
  });
  const open: ModelSource['open'] = async (path) => (await made.open(path)) ?? source.open(path, signal);
  const texts = { name: source.name, open };
  return { ...checkpoint, config, texts, ...smallFiles(texts) };
}

/** The checkpoint with the weights that a folder has of its tower, if it has some. */
async function withTowerWeights(
  checkpoint: Checkpoint,
  { path, stem }: TowerFolder,
  beside: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const found = await openTensors(beside, signal);
  if (!found || found.packed) return checkpoint;
  const tensors = new Map(checkpoint.tensors);
  for (const [name, entry] of found.tensors) {
    if (name.startsWith('vision_model.')) tensors.set(`${stem}${name}`, { ...entry, file: `${path}/${entry.file}` });
  }
  return { ...checkpoint, tensors };
}

/**
 * Finds out what a checkpoint is.
 * @throws PagemindError `unsupported_model` naming what was found and what is known; `invalid_config`.
 */
export function resolveModel(checkpoint: Checkpoint): ModelPlan {
  const vlm = findVlmFamily(checkpoint.config);
  return vlm ? resolveVlm(vlm, checkpoint) : resolveText(checkpoint);
}

function resolveText(original: Checkpoint): ModelPlan {
  const { family, config } = resolveFamily(original.config);
  const checkpoint = original.packed || !family.renames ? original : rename(original, family.renames);
  return {
    family: config.family,
    architecture: config.architecture,
    decoder: config,
    vision: undefined,
    checkpoint,
    specs: decoderWeights(family, config, checkpoint),
    isIgnored: (tensor) => family.ignored.test(tensor) || isTiedCopy(family, config, tensor),
  };
}

function resolveVlm(vlm: VlmFamily, original: Checkpoint): ModelPlan {
  const checkpoint = original.packed ? original : rename(original, vlm.renames);
  const raw = new RawConfig(checkpoint.config);
  if (!original.packed && vlm.towerFolder && !hasTower(checkpoint)) {
    throw new PagemindError('unsupported_model', `${checkpoint.name} lacks the weights of its vision tower.`, {
      hint: `Put them into the folder ${vlm.towerFolder(raw).path} beside config.json, or load a checkpoint that has them.`,
    });
  }
  const { packed } = checkpoint;
  const hasHead = (tensor: string): boolean => packed?.weights.has(weightName.head) ?? hasTensor(checkpoint, tensor);
  const { family, config: decoder } = resolveFamily(textConfigOf(checkpoint.config, vlm, hasHead));
  const vision = vlm.readConfig(raw, decoder.hiddenSize);
  return {
    family: vlm.modelType,
    architecture: vlm.architectures[0] ?? vlm.modelType,
    decoder,
    vision,
    checkpoint,
    specs: [...decoderWeights(family, decoder, checkpoint), ...vlmWeights(vision)],
    isIgnored: (tensor) =>
      vlm.ignored.test(tensor) || family.ignored.test(tensor) || isTiedCopy(family, decoder, tensor),
  };
}

/** Whether a checkpoint, its tensors renamed, has weights of its tower. */
function hasTower({ tensors }: Checkpoint): boolean {
  return [...tensors.keys()].some((tensor) => tensor.startsWith('vision.'));
}

/** The vision-language family of a config.json, if it is of one. */
export function findVlmFamily(config: Readonly<Record<string, unknown>>): VlmFamily | undefined {
  const raw = new RawConfig(config);
  const architectures = raw.get('architectures');
  const named = Array.isArray(architectures) ? architectures : [];
  return VLM_FAMILIES.find(
    ({ architectures, visionKey }) =>
      architectures.some((name) => named.includes(name)) && (!visionKey || raw.object(visionKey)),
  );
}

/**
 * The decoder's own config. What it leaves out has the value of Hugging Face's config class; its `architectures` are not
 * to be trusted (SmolVLM names one that exists nowhere), and whether it is tied shows in the tensors.
 */
export function textConfigOf(
  config: Checkpoint['config'],
  { decoderType, textKey = 'text_config' }: Pick<VlmFamily, 'decoderType' | 'textKey'>,
  hasHead: (tensor: string) => boolean,
): Readonly<Record<string, unknown>> {
  const text = new RawConfig(config).object(textKey);
  const modelType = decoderType ?? text?.text('model_type', 'llama') ?? 'llama';
  const family = FAMILIES.find((known) => known.modelType === modelType);
  return {
    ...family?.defaults,
    ...((config[textKey] ?? (decoderType && config)) as Readonly<Record<string, unknown>> | undefined),
    model_type: modelType,
    architectures: undefined,
    tie_word_embeddings: family !== undefined && !hasHead(`${family.names.head}.weight`),
  };
}

/** The same checkpoint with its tensors under other names; a name that no rule matches stays. */
function rename(checkpoint: Checkpoint, rules: TensorRenames): Checkpoint {
  const newName = (name: string): string => {
    const rule = rules.find(([pattern]) => pattern.test(name));
    return rule ? name.replace(...rule) : name;
  };
  const renamed = <T>(map: ReadonlyMap<string, T>): Map<string, T> =>
    new Map(Array.from(map, ([name, value]) => [newName(name), value]));
  const { tensors, quantized } = checkpoint;
  return { ...checkpoint, tensors: renamed(tensors), ...(quantized && { quantized: renamed(quantized) }) };
}
