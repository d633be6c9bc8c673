// What a hub says about a model: its files, their sizes and hashes, and where they are. Hubs are untrusted; which files are
// needed is choose-files.ts, getting them is download.ts.
import { PagemindError } from '../errors.js';
import { type HttpOptions, persist, type Remote, send } from '../load/http-request.js';
import { isRecord } from '../load/json.js';
import { splitPath } from '../load/source.js';

/** Where a model comes from, and how to get at it. */
export interface HubOptions {
  /** Branch, tag or commit; default: the hub's main branch. */
  readonly revision?: string;
  /**
   * Address of the hub, or of a mirror of it; default `https://huggingface.co`. Mirrors are taken to speak as Hugging Face
   * does, those with `modelscope` in their name as ModelScope does.
   */
  readonly endpoint?: string;
  /** For gated and private models; sent to the endpoint alone. */
  readonly token?: string;
}

/** How a file is known to be what the hub says. */
export interface FileHash {
  /** `git` is the SHA-1 of git's blobs, which hubs have for files outside of LFS. */
  readonly algorithm: 'sha256' | 'git';
  /** Hexadecimal. */
  readonly value: string;
}

/** A file of a model. */
export interface HubFile {
  readonly path: string;
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  /** Missing where the hub names none: then the size is all that can be checked. */
  readonly hash: FileHash | undefined;
}

/** The files of a model as they are now, or were at a revision. */
export interface HubListing {
  /** What the revision stands for; missing where the hub does not tell. */
  readonly commit: string | undefined;
  readonly files: readonly HubFile[];
}

/** A hub's way to speak. */
interface Dialect {
  list(hub: Hub, id: string, revision: string | undefined, signal: AbortSignal | undefined): Promise<HubListing>;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';
const MAX_LISTING_BYTES = 64 * 2 ** 20;
const MAX_PAGES = 100;

/** Whether a model's name is one of a hub, `owner/name`, and neither a URL nor a path (`./owner/name`). */
export function isHubId(model: string): boolean {
  return /^[\w][\w.-]*\/[\w][\w.-]*$/.test(model) && !model.includes('..');
}

/** A hub that can be asked. */
export class Hub {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly #http: HttpOptions;

  /** @throws PagemindError `invalid_option` for an endpoint that is no http(s) address. */
  constructor({ endpoint = DEFAULT_ENDPOINT, token }: HubOptions, http: HttpOptions) {
    if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
      throw new PagemindError('invalid_option', `endpoint is ${endpoint}, which is no address.`, {
        hint: `Give the address of a hub, as in ${DEFAULT_ENDPOINT}.`,
      });
    }
    this.endpoint = endpoint.replace(/\/+$/, '');
    this.#http = { ...http, headers: { ...http.headers, ...(token && { Authorization: `Bearer ${token}` }) } };
  }

  /**
   * The files of a model.
   * @throws PagemindError `source_unreachable`, `model_not_found`, `file_malformed`, `aborted`.
   */
  list(id: string, revision: string | undefined, signal?: AbortSignal): Promise<HubListing> {
    const dialect = /modelscope/i.test(new URL(this.endpoint).host) ? modelScope : huggingFace;
    return dialect.list(this, id, revision, signal);
  }

  /** A file as something to download. */
  remote(url: string, path: string): Remote {
    return { url, path, options: this.#http };
  }

  /** The JSON at an address below the endpoint, and the address of the next page. */
  async json(
    address: string,
    id: string,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly value: unknown; readonly next: string | undefined }> {
    const remote = this.remote(`${this.endpoint}${address}`, id);
    return persist(remote, signal, async (connection) => {
      const response = await send(remote, connection);
      if (!response) {
        throw new PagemindError(
          'model_not_found',
          `There is no model ${id}, or no such revision, at ${this.endpoint}.`,
          {
            hint: 'Check its name; for a private model give a token, for a folder its path or URL (./folder).',
          },
        );
      }
      const text = await boundedText(response, () => connection.alive());
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
      try {
        return { value: JSON.parse(text), next: next && this.#below(next) };
      } catch (cause) {
        throw malformed(remote.url, 'it is no JSON', cause);
      }
    });
  }

  /** A mirror may pass on pages that name the hub behind it: the way stays the mirror's. */
  #below(address: string): string {
    const { pathname, search } = new URL(address, this.endpoint);
    const { pathname: base } = new URL(this.endpoint);
    return `${pathname.slice(base === '/' ? 0 : base.length)}${search}`;
  }
}

const huggingFace: Dialect = {
  async list(hub, id, revision = 'main', signal) {
    const { value } = await hub.json(`/api/models/${id}/revision/${encodeURIComponent(revision)}`, id, signal);
    const sha = isRecord(value) ? value['sha'] : undefined;
    const commit = typeof sha === 'string' && /^[0-9a-f]{40,64}$/.test(sha) ? sha : undefined;
    const at = encodeURIComponent(commit ?? revision);
    const files: HubFile[] = [];
    let page: string | undefined = `/api/models/${id}/tree/${at}?recursive=true`;
    for (let numPages = 0; page && numPages < MAX_PAGES; numPages++) {
      const { value: entries, next }: { value: unknown; next: string | undefined } = await hub.json(page, id, signal);
      if (!Array.isArray(entries)) throw malformed(`${hub.endpoint}${page}`, 'it is no list of files');
      for (const entry of entries as readonly unknown[]) {
        if (!isRecord(entry) || entry['type'] !== 'file') continue;
        const lfs = isRecord(entry['lfs']) ? entry['lfs'] : undefined;
        const hash = lfs ? hashOf('sha256', lfs['oid']) : hashOf('git', entry['oid']);
        const file = fileOf(entry['path'], lfs?.['size'] ?? entry['size'], hash, (path) => {
          return `${hub.endpoint}/${id}/resolve/${at}/${path}`;
        });
        if (file) files.push(file);
      }
      page = next;
    }
    return { commit, files };
  },
};

const modelScope: Dialect = {
  async list(hub, id, revision = 'master', signal) {
    const query = `Revision=${encodeURIComponent(revision)}&Recursive=true`;
    const address = `/api/v1/models/${id}/repo/files?${query}`;
    const { value } = await hub.json(address, id, signal);
    const data = isRecord(value) && isRecord(value['Data']) ? value['Data'] : {};
    if (!Array.isArray(data['Files'])) throw malformed(`${hub.endpoint}${address}`, 'it is no list of files');
    const files = (data['Files'] as readonly unknown[]).flatMap((entry) => {
      if (!isRecord(entry) || entry['Type'] !== 'blob') return [];
      // A file's own revision does not move, as the branch does.
      const own = entry['Revision'];
      const at = typeof own === 'string' && /^[0-9a-f]{40,64}$/.test(own) ? own : encodeURIComponent(revision);
      const hash = hashOf('sha256', entry['Sha256']);
      const file = fileOf(entry['Path'], entry['Size'], hash, (path) => {
        return `${hub.endpoint}/models/${id}/resolve/${at}/${path}`;
      });
      return file ? [file] : [];
    });
    return { commit: undefined, files };
  },
};

/** Undefined for what can be no file of a model. */
function fileOf(
  path: unknown,
  size: unknown,
  hash: FileHash | undefined,
  urlOf: (path: string) => string,
): HubFile | undefined {
  const parts = typeof path === 'string' ? splitPath(path) : undefined;
  if (!parts || !Number.isSafeInteger(size) || (size as number) < 0) return undefined;
  return { path: path as string, url: urlOf(parts.map(encodeURIComponent).join('/')), size: size as number, hash };
}

function hashOf(algorithm: FileHash['algorithm'], value: unknown): FileHash | undefined {
  const hex = typeof value === 'string' ? value.toLowerCase().replace(/^sha256:/, '') : '';
  const numDigits = algorithm === 'sha256' ? 64 : 40;
  return hex.length === numDigits && /^[0-9a-f]+$/.test(hex) ? { algorithm, value: hex } : undefined;
}

async function boundedText(response: Response, alive: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  const reader = response.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (!part || part.done) return text + decoder.decode();
    alive();
    text += decoder.decode(part.value, { stream: true });
    if (text.length > MAX_LISTING_BYTES) throw malformed(response.url, 'it does not end');
  }
}

function malformed(url: string, why: string, cause?: unknown): PagemindError {
  return new PagemindError('file_malformed', `The list of files at ${url} cannot be used: ${why}.`, {
    hint: 'Check that the endpoint is the address of a hub.',
    cause,
  });
}
