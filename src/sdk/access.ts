import type { AliasDeleted, AliasList, AliasObject } from '../wire/aliases.ts';
import type { KeyCreated, KeyCreateRequest, KeyDeleted, KeyList, KeyObject } from '../wire/keys.ts';
import type { CallOptions, Transport } from './transport.ts';

/** Names of the user's own for models, e.g. `gpt-4o-mini` for a local one. Changing them needs an `admin` key. */
export class Aliases {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list(options: CallOptions = {}): Promise<readonly AliasObject[]> {
    const answer = await this.#transport.json<AliasList>({ ...options, method: 'GET', path: '/v1/aliases' });
    return answer.data;
  }

  /** @example await client.aliases.set('text-embedding-3-small', 'all-MiniLM-L6-v2'); */
  set(alias: string, model: string, options: CallOptions = {}): Promise<AliasObject> {
    return this.#transport.json({ ...options, method: 'PUT', path: aliasPath(alias), body: { model }, repeatable: true });
  }

  delete(alias: string, options: CallOptions = {}): Promise<AliasDeleted> {
    return this.#transport.json({ ...options, method: 'DELETE', path: aliasPath(alias) });
  }
}

function aliasPath(alias: string): string {
  return `/v1/aliases/${encodeURIComponent(alias)}`;
}

/** Keys that let others in. Everything here needs an `admin` key. */
export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async list(options: CallOptions = {}): Promise<readonly KeyObject[]> {
    const answer = await this.#transport.json<KeyList>({ ...options, method: 'GET', path: '/v1/keys' });
    return answer.data;
  }

  /** The answer's `key` is the secret; it is never shown again. @throws LocalLiteError conflict when the name is taken */
  create(request: KeyCreateRequest, options: CallOptions = {}): Promise<KeyCreated> {
    return this.#transport.json({ ...options, method: 'POST', path: '/v1/keys', body: request });
  }

  revoke(id: string, options: CallOptions = {}): Promise<KeyDeleted> {
    return this.#transport.json({ ...options, method: 'DELETE', path: `/v1/keys/${encodeURIComponent(id)}` });
  }
}
