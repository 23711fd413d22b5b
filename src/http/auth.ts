import { createHash, timingSafeEqual } from 'node:crypto';
import { LocalLiteError } from '../errors.ts';
import type { KeyScope, Keys } from '../gateway/keys.ts';

/** Who brought valid credentials. */
export interface Identity {
  /** Id of the key; `run` for the token of this run. */
  readonly id: string;
  readonly scopes: readonly KeyScope[];
  /** 0 = no limit; undefined = the setting. */
  readonly requestsPerMinute: number | undefined;
}

/** Longest secret that is looked at; anything longer is no key of ours. */
const MAX_SECRET = 1024;

/**
 * The secret that a request carries: `Authorization: Bearer …`, else `x-api-key`, else `api-key`; undefined when there is none.
 * @throws LocalLiteError unauthorized for an Authorization header of another scheme.
 */
export function credentialOf(headers: Headers): string | undefined {
  const authorization = headers.get('authorization')?.trim();
  if (authorization !== undefined && authorization !== '') {
    const bearer = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    if (bearer === undefined) throw new LocalLiteError('unauthorized', 'the Authorization header must read `Bearer <key>`');
    return bearer;
  }
  return headers.get('x-api-key')?.trim() || headers.get('api-key')?.trim() || undefined;
}

/** Recognises keys and the admin token of this run (`runToken`, see HomeLease), each in a time that does not depend on the secret. */
export function createAuthenticator(keys: Keys, runToken: string | undefined): (secret: string) => Identity | undefined {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  const expected = runToken === undefined ? undefined : digest(runToken);
  return (secret) => {
    if (secret.length > MAX_SECRET) return undefined;
    const isRun = expected !== undefined && timingSafeEqual(expected, digest(secret));
    const key = keys.verify(secret);
    if (isRun) return { id: 'run', scopes: ['admin'], requestsPerMinute: 0 };
    return key === undefined ? undefined : { id: key.id, scopes: key.scopes, requestsPerMinute: key.requestsPerMinute };
  };
}

/** True when the scopes cover the wanted one; admin covers all. */
export function covers(scopes: readonly KeyScope[], wanted: KeyScope): boolean {
  return scopes.includes(wanted) || scopes.includes('admin');
}

/** The header that a 401 must carry (RFC 6750, section 3). */
export function challengeHeaders(error: LocalLiteError): Readonly<Record<string, string>> {
  return error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="locallite"' } : {};
}
