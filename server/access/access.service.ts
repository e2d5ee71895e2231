import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { LessThan } from 'typeorm';
import { type Settings } from '../config/index.js';
import { type Database } from '../platform/database/index.js';
import { type Role, type Viewer } from './permissions.js';
import { SessionEntity } from './session.entity.js';

type AccessSettings = Pick<Settings, 'ADMIN_API_KEY' | 'DATA_DIR' | 'SESSION_DAYS'>;

export const sessionCookie = 'erpfts_session';
const linkHours = 24;
const sessionCacheMs = 10_000;

const hash = (token: string) => createHash('sha256').update(token).digest('hex');
const newToken = () => randomBytes(32).toString('base64url');

const administrator = (name: string): Viewer => ({ id: name, name, role: 'ADMINISTRATOR' satisfies Role });

/** Who is asking: the holder of the administrator's key, or of a session that a sign-in link has opened. */
export class AccessService {
  #keyHash: Buffer | null = null;
  readonly #known = new LRUCache<string, { viewer: Viewer | null }>({ max: 1000, ttl: sessionCacheMs });

  constructor(
    private readonly settings: AccessSettings,
    private readonly database: Database,
  ) {}

  /** Reads the administrator's key; the first start writes one to DATA_DIR/admin.key, readable by its owner alone. */
  async open(): Promise<void> {
    const key = this.settings.ADMIN_API_KEY || (await this.#keyFromFile());
    this.#keyHash = createHash('sha256').update(key).digest();
    await this.database.write((tx) => tx.delete(SessionEntity, { expiresAt: LessThan(new Date()) }));
  }

  async #keyFromFile(): Promise<string> {
    const path = join(this.settings.DATA_DIR, 'admin.key');
    if (!existsSync(path)) await writeFile(path, `erpfts_${newToken()}\n`, { mode: 0o600 });
    return (await readFile(path, 'utf8')).trim();
  }

  /** Checks an `Authorization` header or a session cookie. @returns null for nobody */
  async identify(authorization: string | undefined, cookies: string | undefined): Promise<Viewer | null> {
    const bearer = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (bearer) {
      const given = createHash('sha256').update(bearer).digest();
      return this.#keyHash && timingSafeEqual(given, this.#keyHash) ? administrator('admin.key') : null;
    }
    const token = cookieValue(cookies, sessionCookie);
    if (!token) return null;
    const tokenHash = hash(token);
    const known = this.#known.get(tokenHash);
    if (known) return known.viewer;
    const session = await this.database.read.findOneBy(SessionEntity, { tokenHash, kind: 'SESSION' });
    const viewer = session && session.expiresAt > new Date() ? { id: `session:${tokenHash.slice(0, 16)}`, name: 'browser', role: session.role } : null;
    this.#known.set(tokenHash, { viewer });
    return viewer;
  }

  /** Whether anybody is signed in by a link. */
  async hasSessions(): Promise<boolean> {
    return (await this.database.read.countBy(SessionEntity, { kind: 'SESSION' })) > 0;
  }

  /** Makes a token that signs one browser in, once, within a day. */
  async createLinkToken(role: Role): Promise<string> {
    const token = newToken();
    await this.#store(token, 'LINK', role, linkHours * 3600_000);
    return token;
  }

  /** Exchanges a link's token for a session. @returns the cookie's value and age in seconds, or null for a used or unknown token */
  async redeem(linkToken: string): Promise<{ token: string; maxAgeSeconds: number } | null> {
    const tokenHash = hash(linkToken);
    const role = await this.database.write(async (tx) => {
      const link = await tx.findOneBy(SessionEntity, { tokenHash, kind: 'LINK' });
      if (!link) return null;
      await tx.delete(SessionEntity, { tokenHash });
      return link.expiresAt > new Date() ? link.role : null;
    });
    if (!role) return null;
    const token = newToken();
    const maxAgeSeconds = this.settings.SESSION_DAYS * 86_400;
    await this.#store(token, 'SESSION', role, maxAgeSeconds * 1000);
    return { token, maxAgeSeconds };
  }

  async signOut(cookies: string | undefined): Promise<void> {
    const token = cookieValue(cookies, sessionCookie);
    if (!token) return;
    const tokenHash = hash(token);
    await this.database.write((tx) => tx.delete(SessionEntity, { tokenHash, kind: 'SESSION' }));
    this.#known.delete(tokenHash);
  }

  async #store(token: string, kind: SessionEntity['kind'], role: Role, lifetimeMs: number): Promise<void> {
    const now = Date.now();
    await this.database.write((tx) =>
      tx.insert(SessionEntity, { tokenHash: hash(token), kind, role, createdAt: new Date(now), expiresAt: new Date(now + lifetimeMs) }),
    );
  }
}

function cookieValue(cookies: string | undefined, name: string): string | null {
  for (const part of cookies?.split(';') ?? []) {
    const [key, value] = part.trim().split('=');
    if (key === name && value) return value;
  }
  return null;
}
