// Which models there are: the list beside the page, and folders that a person opens. What is done with one is session.ts.
import type { ConnectOptions } from '@pagemind/core/client';

/** A model folder that the page's own server offers. */
export interface HostedModel {
  readonly id: string;
  readonly numBytes: number;
}

/** A model to load, and what to call it. */
export interface ModelChoice {
  /** Id of a hosted model or name on a hub, by which it is found again; null for a folder of the person's own. */
  readonly hostedId: string | null;
  readonly name: string;
  readonly model: ConnectOptions['model'];
  /** Of the hub that the name is looked up at; missing for anything that is no hub's model. */
  readonly endpoint?: string;
}

/** The list at `models/index.json` below `base`: the page's own model first, then those of its server. */
export async function fetchCatalog(base: string, fetchJson: (url: URL) => Promise<unknown>): Promise<HostedModel[]> {
  try {
    return parseCatalog(await fetchJson(new URL('models/index.json', base)));
  } catch {
    return [];
  }
}

/** Entries that are no models are left out. */
export function parseCatalog(list: unknown): HostedModel[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    const { id, files } = (entry ?? {}) as { readonly id?: unknown; readonly files?: unknown };
    if (typeof id !== 'string' || !Array.isArray(files)) return [];
    const known = files.filter((file): file is { path: string; size: number } => typeof file?.path === 'string');
    if (!known.some(({ path }) => path === 'config.json' || path === 'params.json')) return [];
    const weights = known.filter(({ path }) => /\.(safetensors|gguf)$|^consolidated\.00\.pth$/.test(path));
    return [{ id, numBytes: weights.reduce((sum, { size }) => sum + (Number(size) || 0), 0) }];
  });
}

export function hostedChoice({ id }: HostedModel, base: string): ModelChoice {
  return { hostedId: id, name: id, model: new URL(`models/${encodeURIComponent(id)}/`, base).href };
}

/** A model by its name on a hub, as in `Qwen/Qwen2.5-0.5B-Instruct`. */
export function hubChoice(id: string, endpoint: string): ModelChoice {
  return { hostedId: id, name: id, model: id, endpoint };
}

/** Files of `<input webkitdirectory>`, or single files. */
export function filesChoice(files: readonly File[]): ModelChoice {
  const folder = files[0]?.webkitRelativePath.split('/')[0];
  return { hostedId: null, name: folder || files[0]?.name || '', model: files };
}
