// Sessions by name, to be gone on with in another visit or process. How files are kept is the store room's business; what a
// session is made of is session-data.ts's.
import type { ChatMessage, ContentPart, EngineCore, KvPages, PromptImage } from '../engine/core.js';
import { PagemindError, type PagemindErrorCode } from '../errors.js';
import type { ImageDecoder, ImageInput } from '../image/image.js';
import { DataStore } from '../store/data-store.js';
import type { Folder } from '../store/folder.js';
import { damaged } from '../store/records.js';
import { isRecord } from './fields.js';
import { toSendableMessages } from './sendable.js';
import { Session } from './session.js';
import type { SessionData } from './session-data.js';

/** What of a session is stored. */
export interface SaveSessionOptions {
  /**
   * Also the keys and values of its tokens that the engine still has, so that a later visit need not compute them again.
   * They take far more room than the session: tens of kilobytes a token. Default false.
   */
  readonly kv?: boolean;
}

/** Failures of stored keys and values that are no failures: they are computed again. */
const REPLACEABLE: readonly PagemindErrorCode[] = ['file_malformed', 'source_unreachable', 'storage_unavailable'];

/** Keeps sessions; made by `sessionStore()`. Names may be anything, also what a stranger typed. */
export class SessionStore {
  readonly #sessions: DataStore;
  readonly #kv: DataStore;
  readonly #images: Pick<ImageDecoder, 'readBitmap'>;

  /** @param images reads bitmaps, which cannot be stored as they are */
  constructor(folder: Folder, images: Pick<ImageDecoder, 'readBitmap'>) {
    this.#sessions = new DataStore(folder, 'session');
    this.#kv = new DataStore(folder, 'kv');
    this.#images = images;
  }

  /**
   * Stores a session as it is now, images included, in place of what had its name. A page or process that ends meanwhile
   * leaves a session that can be read.
   * @throws PagemindError `storage_full`, `storage_unavailable`; `invalid_request` for a name that is empty or too long;
   * `source_unreachable` for an image that is gone; and with `kv` what the engine throws: the session is stored before.
   */
  async save(name: string, session: Session, { kv = false }: SaveSessionOptions = {}): Promise<void> {
    await this.#sessions.save(name, await this.#storable(session.toJSON()));
    await (kv ? this.#kv.saveAll(name, session.kv()) : this.#kv.delete(name));
  }

  /**
   * The session of this name, to go on with on `engine`; undefined when there is none. Stored keys and values come back
   * where they fit: `usage.cachedTokens` of the next turn tells.
   * @throws PagemindError `file_malformed` when what is stored is damaged; `storage_unavailable`, `disposed`, …
   */
  async load(name: string, engine: EngineCore): Promise<Session | undefined> {
    const data = await this.#sessions.load(name);
    if (data === undefined) return undefined;
    const session = sessionFrom(data, engine, name);
    try {
      for await (const pages of this.#kv.loadAll(name)) {
        if (!isRecord(pages) || !(await engine.writeKv(pages as unknown as KvPages))) break;
      }
    } catch (error) {
      if (!(error instanceof PagemindError && REPLACEABLE.includes(error.code))) throw error;
    }
    return session;
  }

  /** Names of all sessions, in no particular order. */
  list(): Promise<readonly string[]> {
    return this.#sessions.list();
  }

  /** Forgets a session and everything stored with it; nothing happens when there is none. */
  async delete(name: string): Promise<void> {
    await this.#kv.delete(name);
    await this.#sessions.delete(name);
  }

  async #storable(data: SessionData): Promise<SessionData> {
    const messages = await this.#storableMessages(data.messages);
    const turns = data.turns.map(async (turn) => ({ ...turn, messages: await this.#storableMessages(turn.messages) }));
    return { ...data, messages, turns: await Promise.all(turns) };
  }

  async #storableMessages(messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
    const partOf = async (part: ContentPart): Promise<ContentPart> =>
      part.type === 'image' ? { type: 'image', image: await this.#storableImage(part.image) } : part;
    return Promise.all(
      (await toSendableMessages(messages)).map(async (message) => {
        const { content } = message;
        return typeof content === 'string' ? message : { ...message, content: await Promise.all(content.map(partOf)) };
      }),
    );
  }

  /** Bitmaps become pixels, and addresses that end with the page become what lies there. */
  async #storableImage(image: PromptImage): Promise<PromptImage> {
    if (typeof image === 'string') return image.startsWith('blob:') ? fetchBlob(image) : image;
    if (image instanceof Blob || 'data' in image || 'kind' in image) return image;
    const pixels = this.#images.readBitmap?.(image);
    image.close();
    if (pixels) return { width: pixels.width, height: pixels.height, data: pixels.data };
    throw new PagemindError('invalid_request', 'There are no bitmaps here.', { hint: 'Give the file, or its pixels.' });
  }
}

function sessionFrom(data: unknown, engine: EngineCore, name: string): Session {
  const path = `The session ${JSON.stringify(name)}`;
  if (!isRecord(data)) throw damaged(path);
  try {
    return new Session(engine, { from: data as unknown as SessionData });
  } catch (cause) {
    throw damaged(path, cause);
  }
}

async function fetchBlob(address: string): Promise<ImageInput> {
  try {
    return await (await fetch(address)).blob();
  } catch (cause) {
    throw new PagemindError('source_unreachable', `${address} could not be read.`, {
      hint: 'The address was revoked; give the Blob itself.',
      cause,
    });
  }
}
